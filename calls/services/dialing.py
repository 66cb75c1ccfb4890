"""Dialling a contact: checked, written down, then asked of Twilio, exactly once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from calls import gateway
from calls.facts import explanations, states
from calls.facts.refusals import Refusal
from calls.facts.rooms import is_ours
from calls.gateway import addresses
from calls.gateway.accounts import account_for
from calls.gateway.twiml import CONFERENCE_EVENTS
from calls.models import CallLeg, CallLog, Conference
from calls.selectors import limits
from calls.services import guarding, whose
from calls.services.caller_ids import no_caller_id
from calls.services.rooms import findings, progress, wishes
from calls.services.rooms.taken import note_taken
from calls.services.whose import Target
from contacts import selectors
from contacts.numbers import Number, NumberError, parse
from tenants.doors import Named
from tenants.fence.context import tenant_transaction
from tenants.fence.pipeline import inserted, pipelined, tell
from tenants.models import Membership, Tenant

logger = logging.getLogger(__name__)

_BUSY = "You’re in another call. End it first."
JOIN_LATE = timedelta(seconds=1.5)  # after which Twilio is asked whether the agent is in the room


@dataclass(frozen=True)
class Placed:
    """A call that Twilio has taken, its contact loaded. `closing` is its room when it must be ended
    at once.
    """

    call: CallLog
    is_replay: bool
    closing: Conference | None = None


def choose_target(tenant: Tenant, *, to: str = "", contact_id: UUID | None = None) -> Target:
    """Check whom to call. Someone else's contact does not exist. Raises `Refusal`."""
    return ask_target(tenant, to=to, contact_id=contact_id)()


def ask_target(tenant: Tenant, *, to: str, contact_id: UUID | None) -> Callable[[], Target]:
    """Ask whom to call, and return how to read the answer. Both raise `Refusal`."""
    wanted: Number | None = None
    if to:
        try:
            wanted = parse(to, tenant.country, by_hand=True)
        except NumberError as error:
            raise Refusal(error.code, error.message) from None
    if contact_id is not None:
        return partial(_of_contact, tenant, selectors.ask_numbers(contact_id), wanted)
    if not wanted:
        raise Refusal("invalid_number", "Enter a number or choose a contact.")
    return partial(whose.target_in, selectors.ask_holders(*wanted), wanted)


def _of_contact(tenant: Tenant, asked: Any, wanted: Number | None) -> Target:
    found = selectors.numbers_in(asked)
    if found is None:
        raise Refusal("contact_not_found", "This contact no longer exists.")
    contact, known = found
    if not known:
        raise Refusal("invalid_number", f"{contact.name} has no phone number.")
    if wanted and wanted.number not in {one.number for one in known}:
        raise Refusal("number_mismatch", f"That is not a number of {contact.name}.")
    # A stored number was valid once; what may not be dialled is checked each time.
    try:
        return Target(*parse(str(wanted or known[0]), tenant.country), contact=contact)
    except NumberError as error:
        raise Refusal(error.code, error.message) from None


def place_call(
    tenant: Tenant,
    *,
    agent: Membership,
    client_request_id: UUID,
    to: str = "",
    contact_id: UUID | None = None,
    from_number_id: UUID | None = None,
) -> Placed:
    """Ring a contact into the room where `agent` waits; must run outside any transaction.

    The same `client_request_id` is the same call, however often it is asked for. Raises `Refusal`;
    with the code `submission_unknown` the call may have been made and will be found out.
    """
    if is_ours(client_request_id):  # a call that came in: its room has no place for another
        raise Refusal("agent_busy", _BUSY)
    try:
        written = _write_down(
            tenant,
            agent,
            client_request_id,
            to=to,
            contact_id=contact_id,
            from_number_id=from_number_id,
        )
    except Refusal as refusal:
        guarding.note_stop(agent, refusal, number=to)
        raise
    # Committed: from here on a crash leaves a row that the sweep finds.
    return written if isinstance(written, Placed) else _submit(tenant, written)


@dataclass(frozen=True)
class _Written:
    """A call that is in the database and not at Twilio yet."""

    room: Conference
    call: CallLog
    leg: CallLeg
    time_limit: int  # seconds


def _write_down(
    tenant: Tenant,
    agent: Membership,
    client_request_id: UUID,
    *,
    to: str,
    contact_id: UUID | None,
    from_number_id: UUID | None,
) -> Placed | _Written:
    wanted = partial(ask_target, tenant, to=to, contact_id=contact_id)
    wish = partial(
        wishes.ask_dial,
        Named(tenant.pk, agent.user_id),
        client_request_id,
        from_number_id=from_number_id,
        now=timezone.now(),
    )
    try:
        with pipelined(tenant.pk):
            done = _decide(tenant, agent, wanted(), wish(), is_chosen=from_number_id is not None)
    except wishes.NoPolicy:  # of a workspace's first dial
        with tenant_transaction(tenant.pk):
            limits.chosen(lock=True)
        with pipelined(tenant.pk):
            done = _decide(tenant, agent, wanted(), wish(), is_chosen=from_number_id is not None)
    if isinstance(done, _Written):
        progress.announce(done.room, done.call.pk)
    return done


def _decide(
    tenant: Tenant,
    agent: Membership,
    target_in: Callable[[], Target],
    asked: wishes.Asked,
    *,
    is_chosen: bool,
) -> Placed | _Written:
    """Read what there is, and write the call if it may be placed."""
    target, found = target_in(), wishes.dial(asked)
    if found is None:
        raise Refusal("forbidden", "You are no longer a member of this workspace.")
    if found.call is not None:
        return _replay(found.call, target)
    room = found.room
    if room is None or not found.is_present:
        raise _not_connected(room)
    # In a room with a call: of two without one the first to dial wins.
    if found.is_busy:
        raise Refusal("agent_busy", _BUSY)
    if not found.caller:
        raise no_caller_id(is_chosen=is_chosen)
    rate = guarding.check(tenant, target.number, found.policy, found.usage)
    call = CallLog(
        tenant_id=tenant.pk,
        user_id=agent.user_id,
        contact=target.contact,
        meant=len(target.possible),
        conference=room,
        direction=CallLog.Direction.OUTBOUND,
        from_number=found.caller,
        to_number=target.number,
        extension=target.extension,
        submission=CallLog.Submission.PENDING,
        started_at=timezone.now(),
        is_recorded=tenant.records_calls,
        assumed_rate=rate,
    )
    leg = CallLeg(tenant_id=tenant.pk, conference_id=room.pk, party=CallLeg.Party.CONTACT)
    tell(inserted(call), inserted(leg))
    whose.note_possible(call, target.possible)
    return _Written(room, call, leg, found.policy.caps.longest_minutes * 60)


def _submit(tenant: Tenant, written: _Written) -> Placed:
    room, call, leg = written.room, written.call, written.leg
    try:
        call_sid = gateway.dial_participant(
            account_for(tenant.pk, room.account_sid),
            room=room.conference_sid or room.name,
            label=leg.label,
            to=call.to_number,
            caller_id=call.from_number,
            ring_timeout=settings.RING_TIMEOUT,
            time_limit=written.time_limit,
            callbacks=gateway.Callbacks(
                status=addresses.leg_status(tenant.pk, leg.pk),
                conference=addresses.conference_status(tenant.pk, room.pk),
                recording=addresses.recording_status(tenant.pk, call.pk)
                if call.is_recorded
                else "",
            ),
            conference_events=CONFERENCE_EVENTS,
        )
    except gateway.OutcomeUnknown as error:
        # Never asked again: that could ring a person twice. A callback or the sweep will tell.
        logger.warning("Dialling call %s: the answer was lost (%s)", call.pk, error)
        with tenant_transaction(tenant.pk):
            CallLog.objects.filter(pk=call.pk, twilio_call_sid=None).update(
                submission=CallLog.Submission.UNKNOWN
            )
        raise Refusal(
            "submission_unknown",
            "We don’t know yet whether the call went through. Stay on the line.",
            callLogId=str(call.pk),
        ) from error
    except gateway.TwilioError as error:
        raise _refused(tenant, call, leg, error) from error
    # The agent may have gone while we were talking to Twilio.
    closing = room if note_taken(call, leg.pk, call_sid) else None
    return Placed(call, is_replay=False, closing=closing)


def _refused(tenant: Tenant, call: CallLog, leg: CallLeg, error: gateway.TwilioError) -> Refusal:
    """Close the call that Twilio did not take; the reason, to be raised."""
    code = error.code if isinstance(error, gateway.TwilioRefused | gateway.TwilioBusy) else 0
    # The room is over: its agent had gone, and nobody was rung.
    has_left = isinstance(error, gateway.TwilioRefused) and error.status == HTTPStatus.NOT_FOUND
    status, code = (states.CANCELED, 0) if has_left else (states.FAILED, code)
    with tenant_transaction(tenant.pk):
        CallLog.objects.filter(pk=call.pk).update(submission=CallLog.Submission.REFUSED)
        closing = findings.conclude(leg, status, error_code=code, why="refused")
        call.refresh_from_db()
    refusal = _not_placed(call, code)
    refusal.closing = closing.pk if closing else None
    return refusal


def _not_placed(call: CallLog, code: int | None) -> Refusal:
    """Why Twilio did not take the call, by its code; 0 or None: it did not answer."""
    call_id = str(call.pk)
    if call.status == states.CANCELED:
        return Refusal("agent_not_connected", "You left before anyone was dialled.")
    if code == gateway.TwilioBusy.code:
        return Refusal("rate_limited", "Too many calls are being placed. Try again in a moment.")
    if code:
        message = explanations.twilio_refusal(code)
        return Refusal("twilio_error", message, twilioCode=code, callLogId=call_id)
    return Refusal(
        "twilio_error",
        "The phone service can’t be reached. Nothing was dialled; try again in a moment.",
        twilioCode=None,
        callLogId=call_id,
    )


def _replay(call: CallLog, target: Target) -> Placed:
    if (call.to_number, call.extension) != (target.number, target.extension):
        raise Refusal("number_mismatch", "This request has already been used for another number.")
    if call.submission == CallLog.Submission.PENDING and call.ended_at is None:
        raise Refusal("duplicate_in_progress", "This call is already being placed.")
    if call.submission == CallLog.Submission.UNKNOWN and call.ended_at is None:
        raise Refusal(
            "submission_unknown",
            "We don’t know yet whether the call went through. Stay on the line.",
            callLogId=str(call.pk),
        )
    if call.submission != CallLog.Submission.ACCEPTED:
        raise _not_placed(call, call.error_code)
    return Placed(call, is_replay=True)


def _not_connected(room: Conference | None) -> Refusal:
    """The agent's *participant-join* is under way, or was lost."""
    refusal = Refusal("agent_not_connected", "Your phone is not connected to this call yet.")
    if room is not None and timezone.now() - room.created_at >= JOIN_LATE:
        refusal.waiting = room.pk
    return refusal
