"""What a callback says. Unknown fields and values are kept and do no harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.urls import reverse

from calls.facts import states
from calls.facts.sids import CALL, CONFERENCE, is_sid
from calls.gateway.accounts import TwilioAccount
from calls.services.rooms.progress import Heard
from tenants import doors
from tenants.bricks.ids import read_uuid

PLAUSIBLE_YEARS = range(2000, 2100)  # beyond, sums of times and durations could fail
IDS = ("tenant", "room", "leg", "call", "ring")
Form = dict[str, str]


class Hook(StrEnum):
    """Which of our addresses it came to."""

    LEG = "leg"
    ROOM = "room"
    LEG_ENDED = "leg-ended"
    RECORDING = "recording"
    OUTSIDE = "outside"
    PHONE = "phone"


@dataclass(frozen=True)
class Callback:
    """What an account told us, whose signature was found right. `ids` are those of the address,
    which it signed as well; `at` is when it came.
    """

    hook: Hook
    account: TwilioAccount
    ids: Mapping[str, UUID]
    form: Form
    at: datetime

    @property
    def named_tenant(self) -> UUID | None:
        """The tenant that it speaks of, be there one or not. A TwiML application's callbacks have
        one address for everybody: the client's identity tells.
        """
        return self.ids.get("tenant") or doors.tenant_named_by(self.identity)

    @property
    def identity(self) -> str:
        """Of the browser that it speaks of, if it is of one."""
        return self.form.get("From", "").removeprefix("client:")

    @property
    def is_of_browser(self) -> bool:
        """Whether it came by the application's one address, which names no leg."""
        is_named = doors.tenant_named_by(self.identity) is not None
        return is_named and self.hook is Hook.LEG and "leg" not in self.ids


def ids_of(query: Mapping[str, str]) -> dict[str, UUID]:
    """The ids in an address of ours."""
    return {name: found for name in IDS if (found := read_uuid(query.get(name)))}


def status_hook(query: Mapping[str, str]) -> Hook:
    """All of them but a leg's end are told of at one address; its query says of which."""
    if "ring" in query:
        return Hook.PHONE
    if "call" in query:
        return Hook.OUTSIDE
    return Hook.ROOM if "room" in query else Hook.LEG


def callback_of(account: TwilioAccount, url: str, form: Form, at: datetime) -> Callback | None:
    """The callback that Twilio has made, or tried to make, to this address of ours."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    hook = None
    if parts.path == reverse("call_status"):
        hook = status_hook(query)
    elif parts.path == reverse("recording_status"):
        hook = Hook.RECORDING
    elif parts.path == reverse("voice_webhook") and query.get("step") == Hook.LEG_ENDED:
        hook = Hook.LEG_ENDED
    return Callback(hook, account, ids_of(query), form, at) if hook else None


def heard(callback: Callback) -> Heard:
    """Read a callback about a leg or a room."""
    form, at = callback.form, callback.at
    if callback.hook is Hook.LEG_ENDED:
        return heard_of_browser(callback.account, form, states.ACTION, "leg-ended", at)
    of_room = callback.hook is Hook.ROOM  # whoever else names a room could name a stranger's
    return Heard(
        kind=states.CONFERENCE if of_room else states.CALL,
        name=form.get("StatusCallbackEvent" if of_room else "CallStatus", ""),
        at=_moment(form.get("Timestamp"), at),
        payload=form,
        sequence=number(form.get("SequenceNumber")),
        duration=number(form.get("CallDuration")),
        sip_code=number(form.get("SipResponseCode"), below=1000),
        error_code=number(form.get("ErrorCode")),
        call_sid=sid(form.get("CallSid"), CALL),
        label=form.get("ParticipantLabel", ""),
        conference_sid=sid(form.get("ConferenceSid"), CONFERENCE) if of_room else "",
        account_sid=callback.account.sid,
    )


def heard_of_browser(
    account: TwilioAccount, form: Form, kind: str, name: str, at: datetime
) -> Heard:
    """Read a request into which the browser may have put fields of its own: all that Twilio itself
    always sends with it is the call.
    """
    return Heard(
        kind=kind,
        name=name,
        at=at,
        payload=form,
        call_sid=sid(form.get("CallSid"), CALL),
        account_sid=account.sid,
    )


def _moment(text: str | None, at: datetime) -> datetime:
    """An RFC 2822 time as aware UTC; `at` when there is none that can be believed."""
    try:
        moment = parsedate_to_datetime(text or "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return at
    return moment if moment.year in PLAUSIBLE_YEARS else at


def number(text: str | None, *, below: int = 2**31) -> int | None:
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    number = int(text)
    return number if number < below else None


def sid(text: str | None, kind: str) -> str:
    return text if is_sid(text, kind) else ""
