"""Calls and the conferences they meet in."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calls.gateway.accounts import TwilioAccount
from calls.gateway.client import TwilioRefused, patiently, rest
from calls.gateway.recordings import recorded

logger = logging.getLogger(__name__)

CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


@dataclass(frozen=True)
class CallFacts:
    """What REST says of a call. `duration` in seconds, times aware UTC, None when not known."""

    sid: str
    status: str
    ended_at: datetime | None
    duration: int | None

    @classmethod
    def read(cls, call: Any) -> "CallFacts":
        duration = str(call.duration or "")
        return cls(
            sid=str(call.sid),
            status=str(getattr(call.status, "value", call.status)),
            ended_at=call.end_time,
            duration=int(duration) if duration.isdecimal() else None,
        )


@dataclass(frozen=True)
class Callbacks:
    """Absolute URLs (`calls.gateway.addresses`) for what Twilio reports of a contact's leg."""

    status: str
    conference: str
    recording: str  # "" when the call is not recorded


def dial_participant(
    account: TwilioAccount,
    *,
    room: str,
    label: str,
    to: str,
    caller_id: str,
    ring_timeout: int,
    time_limit: int,
    callbacks: Callbacks,
    conference_events: Sequence[str],
) -> str:
    """Ring `to` (E.164) into the conference `room`; returns the new leg's call SID. Twilio ends a
    call that has lasted `time_limit` seconds.

    Raises `TwilioRefused`, `TwilioBusy`, `TwilioUnreachable`, or `OutcomeUnknown`, after which a
    second try could ring a person twice.
    """
    options: dict[str, Any] = {}
    if callbacks.recording:
        options = {"record": True, **recorded(callbacks.recording)}

    def create() -> str:
        participant = (
            rest(account)
            .conferences(room)
            .participants.create(
                from_=caller_id,
                to=to,
                label=label,
                early_media=True,
                beep="false",
                start_conference_on_enter=True,
                end_conference_on_exit=True,
                timeout=ring_timeout,
                time_limit=time_limit,
                status_callback=callbacks.status,
                status_callback_method="POST",
                status_callback_event=CALL_EVENTS,
                # Counts only when this leg happens to make the room; the first one's is used.
                conference_status_callback=callbacks.conference,
                conference_status_callback_method="POST",
                conference_status_callback_event=list(conference_events),
                **options,
            )
        )
        return str(participant.call_sid)

    return patiently(create)


def call_phone(
    account: TwilioAccount,
    *,
    to: str,
    caller_id: str,
    says: str = "",
    asks: str = "",
    status_callback: str = "",
    ring_timeout: int,
    time_limit: int,
) -> str:
    """Ring `to` (E.164), who then hears the document `says`, or what `asks`, an address, answers;
    returns the call's SID. Twilio ends a call that has lasted `time_limit` seconds.

    Raises `TwilioRefused`, `TwilioBusy`, `TwilioUnreachable`, or `OutcomeUnknown`, after which a
    second try could ring a person twice.
    """
    options: dict[str, Any] = {"twiml": says} if says else {"url": asks, "method": "POST"}
    if status_callback:
        options |= {
            "status_callback": status_callback,
            "status_callback_method": "POST",
            "status_callback_event": CALL_EVENTS,
        }

    def create() -> str:
        call = rest(account).calls.create(
            to=to, from_=caller_id, timeout=ring_timeout, time_limit=time_limit, **options
        )
        return str(call.sid)

    return patiently(create)


def fetch_call(account: TwilioAccount, call_sid: str) -> CallFacts | None:
    """What Twilio knows of a call now; None when it does not know it."""
    try:
        return CallFacts.read(patiently(lambda: rest(account).calls(call_sid).fetch()))
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def find_participant(account: TwilioAccount, room: str, label: str) -> str | None:
    """The call SID of the participant `label` of a live conference (SID or name), or None."""
    try:
        participant = patiently(lambda: rest(account).conferences(room).participants(label).fetch())
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise
    return str(participant.call_sid)


def find_calls(
    account: TwilioAccount, *, to: str, caller_id: str, since: datetime
) -> list[CallFacts]:
    """Calls from `caller_id` to `to` started at or after `since`, newest first, at most fifty."""
    calls = patiently(
        lambda: rest(account).calls.list(
            to=to, from_=caller_id, start_time_after=since, limit=50, page_size=50
        )
    )
    return [CallFacts.read(call) for call in calls]


@dataclass(frozen=True)
class ToldRequest:
    """What Twilio has asked of us about a call: the address, as we gave it, and its parameters."""

    url: str
    form: dict[str, str]

    @classmethod
    def read(cls, request: dict[str, Any]) -> "ToldRequest":
        form = {
            "".join(word.capitalize() for word in str(name).split("_")): str(value)
            for name, value in (request.get("parameters") or {}).items()
        }
        return cls(str(request.get("url") or ""), form)


def requests_about(account: TwilioAccount, call_sid: str) -> list[ToldRequest]:
    """Every request about a call, be it answered or lost; none until 15 minutes after its end.

    https://www.twilio.com/docs/voice/api/call-event-resource
    """
    events = patiently(lambda: rest(account).calls(call_sid).events.list(limit=1000))
    return [ToldRequest.read(event.request) for event in events if event.request]


def hang_up(account: TwilioAccount, call_sid: str, *, ringing: bool) -> CallFacts | None:
    """End a leg. A call that has ended already is a success. Returns what Twilio says of it."""
    wanted = "canceled" if ringing else "completed"
    try:
        facts = CallFacts.read(
            patiently(lambda: rest(account).calls(call_sid).update(status=wanted))
        )
        if ringing and facts.status == "in-progress":
            # It was answered while we cancelled it, and cancelling does not end it then.
            return hang_up(account, call_sid, ringing=False)
        return facts
    except TwilioRefused as refusal:
        if refusal.code == 21220 or refusal.status == 404:
            return fetch_call(account, call_sid)
        raise


def redirect(account: TwilioAccount, call_sid: str, url: str) -> CallFacts | None:
    """Have a call that goes on ask `url` what to do next, whatever it does now. Returns what Twilio
    says of the call, which may have ended meanwhile; None when it does not know it.
    """
    try:
        return CallFacts.read(
            patiently(lambda: rest(account).calls(call_sid).update(url=url, method="POST"))
        )
    except TwilioRefused as refusal:
        if refusal.code == 21220 or refusal.status == 404:
            return fetch_call(account, call_sid)
        raise


def set_hold(
    account: TwilioAccount, conference_sid: str, call_sid: str, *, hold: bool, music: str
) -> None:
    """Put a participant on hold with the TwiML at `music`, or back; one who has left is let be."""
    options: dict[str, Any] = {"hold": hold}
    if hold:
        options |= {"hold_url": music, "hold_method": "POST"}
    try:
        patiently(
            lambda: (
                rest(account).conferences(conference_sid).participants(call_sid).update(**options)
            )
        )
    except TwilioRefused as refusal:
        if refusal.status not in (400, 404):
            raise
        logger.info("Participant %s was gone already (%s)", call_sid, refusal.code)


def end_conference(account: TwilioAccount, conference_sid: str) -> None:
    """End a room and every leg in it. One that has ended already is a success."""
    try:
        patiently(lambda: rest(account).conferences(conference_sid).update(status="completed"))
    except TwilioRefused as refusal:
        if refusal.status not in (400, 404):
            raise
        logger.info("Conference %s had ended already (%s)", conference_sid, refusal.code)
