"""The sweep: finds what got lost, and asks Twilio how it ended. Runs for one tenant at a time.

Rows are the outbox. Whatever a crash, a lost webhook or an absent broker left undone stands in a
row with a state; nothing here depends on a task having been queued.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from calls import gateway
from calls.facts import states
from calls.facts.patience import LATE, next_look
from calls.gateway.accounts import AccountGone, TwilioAccount, TwilioNotConfigured, account_for
from calls.models import CallLeg, CallLog, Conference, Recording
from calls.services import forgetting, strays
from calls.services.callbacks import aside, routing
from calls.services.callbacks.reading import callback_of
from calls.services.callbacks.routing import Unroutable
from calls.services.inbound import meeting, messages
from calls.services.rooms import findings, progress, tending
from calls.services.setup import buying
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)

UNCERTAIN = timedelta(seconds=60)  # after which a lost answer is searched for
CLOCKS_DIFFER = timedelta(seconds=5)  # ours and Twilio's, at most
ALONE = timedelta(seconds=120)  # for which an agent may wait in a room without a call
REQUESTS_LATE = timedelta(minutes=30)  # Twilio: 15 after a call's end
AT_ONCE = 200  # rooms of a workspace in one sweep, those that have waited longest
PATIENCE = 10.0  # seconds for a workspace, so that the others have their turn


def sweep_tenant(tenant_id: UUID, *, now: datetime) -> list[UUID]:
    """Bring every room of a tenant up to date that is to be looked at; returns the recordings that
    are to be fetched.

    Talks to Twilio, so it must run outside any transaction. What there is no time for comes first
    in the next sweep.
    """
    ends = time.monotonic() + PATIENCE
    aside.hear_again(tenant_id, now=now)
    strays.look_for(tenant_id, now=now)
    with tenant_transaction(tenant_id):
        due = Conference.objects.filter(next_look_at__lte=now).order_by("next_look_at", "id")
        rooms = list(due.values_list("pk", flat=True)[:AT_ONCE])
    for done, room_id in enumerate(rooms):
        if time.monotonic() > ends:
            logger.warning("%d rooms are looked at by the next sweep", len(rooms) - done)
            break
        try:
            look_at(tenant_id, room_id, now=now)
        except (gateway.TwilioError, TwilioNotConfigured) as error:
            logger.warning("Room %s could not be looked at: %s", room_id, error)
    buying.settle_orders(tenant_id, now=now)
    with tenant_transaction(tenant_id):
        forgetting.forget_retired_accounts(now)
        forgetting.forget_hour_sums(now)
        forgetting.forget_browsers(now)
        waiting = Recording.objects.filter(state=Recording.State.WAITING, next_attempt_at__lte=now)
        return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:AT_ONCE])


def look_at(tenant_id: UUID, room_id: UUID, *, now: datetime) -> None:
    """Ask Twilio for what is missing of a room. The next look is written down before this one is
    made: whatever becomes of it, others have their turn. Raises `TwilioError`.
    """
    with tenant_transaction(tenant_id):
        room = Conference.objects.filter(pk=room_id).first()
        if room is None:
            return
        room.next_look_at = next_look(room.created_at, room.closed_at, now)
        room.save(update_fields=["next_look_at"])
        call = CallLog.objects.filter(conference=room).first()
        legs = list(room.legs.all())
    try:
        account = account_for(tenant_id, room.account_sid)
    except AccountGone:
        _give_up(room, legs)
        return
    if room.closed_at is None:
        _look_at_people(account, room, call, legs, now)
    is_missing = (
        call is not None
        and call.ended_at is not None
        and now - call.ended_at >= LATE
        and _look_at_the_rest(account, call, legs, now)
    )
    if room.closed_at is not None and now - room.closed_at >= LATE:
        is_missing |= _look_at_ends(account, legs)
        if not is_missing:
            _settle(room)


def _give_up(room: Conference, legs: Sequence[CallLeg]) -> None:
    """Nobody can ask about it any more, ever."""
    for leg in legs:
        if leg.status not in states.TERMINAL:
            findings.conclude(leg, states.FAILED, why="its Twilio account is gone")
    _settle(room)


def _settle(room: Conference) -> None:
    """Nothing is missing, or nothing can be found: no further look."""
    with tenant_transaction(room.tenant_id):
        closed = Conference.objects.filter(pk=room.pk, closed_at__isnull=False)
        closed.update(next_look_at=None)


def _look_at_people(
    account: TwilioAccount,
    room: Conference,
    call: CallLog | None,
    legs: Sequence[CallLeg],
    now: datetime,
) -> None:
    for leg in legs:
        if leg.status in states.TERMINAL:
            continue
        if leg.call_sid:
            facts = gateway.fetch_call(account, leg.call_sid)
            if facts is None:
                findings.conclude(leg, states.FAILED, why="Twilio does not know this call")
                continue
            findings.hear_facts(leg, facts)
            may_be_in = leg.joined_at is None and facts.status == states.IN_PROGRESS
            if may_be_in and any(each.party == CallLeg.Party.AGENT for each in legs):
                _look_into_the_room(account, room, leg)
        elif call is not None and _is_ours(call) and now - call.created_at >= UNCERTAIN:
            _find_out(account, room, call, leg, now)
    if call is None and now - room.created_at >= ALONE:
        tending.close_room(room.tenant_id, room.pk)
    else:
        meeting.tend(room.tenant_id, room.pk)


def _is_ours(call: CallLog) -> bool:
    """Whether we have placed it: only then its dialling may be in doubt, or its reason be lost."""
    return bool(call.direction == CallLog.Direction.OUTBOUND)


def _look_at_ends(account: TwilioAccount, legs: Sequence[CallLeg]) -> bool:
    """Of a closed room, ask about whoever has left it and whose call's end was not heard. Whether
    one goes on.
    """
    is_up = False
    for leg in legs:
        if leg.status in states.TERMINAL or not leg.call_sid:
            continue
        facts = gateway.fetch_call(account, leg.call_sid)
        if facts is None:
            findings.conclude(leg, states.COMPLETED, why="Twilio does not know this call")
            continue
        findings.hear_facts(leg, facts)
        is_up |= facts.status not in states.TERMINAL
    return is_up


def _look_into_the_room(account: TwilioAccount, room: Conference, leg: CallLeg) -> None:
    """Whether a leg that talks has come into the room, and its *participant-join* was lost."""
    if gateway.find_participant(account, room.conference_sid or room.name, leg.label):
        findings.hear_presence(leg)


def _look_at_the_rest(
    account: TwilioAccount, call: CallLog, legs: Sequence[CallLeg], now: datetime
) -> bool:
    """Ask for what an ended call lacks: its recording, or why nobody answered. Whether something is
    still missing that may come.
    """
    contact = next((leg for leg in legs if leg.party == CallLeg.Party.CONTACT), None)
    is_missing = _lacks_its_recording(call) and not _find_recordings(account, call, now)
    if messages.may_lack_one(call):
        messages.find(account, call, now=now)  # who hung up before the tone has left none
    if contact is not None and contact.call_sid and _is_ours(call) and _lacks_its_reason(contact):
        requests = gateway.requests_about(account, contact.call_sid)
        _hear_requests(account, requests, now)
        # What Twilio has told is complete, be the reason in it or not.
        is_missing |= not requests
    return is_missing


def _lacks_its_recording(call: CallLog) -> bool:
    if not call.is_recorded or call.answered_at is None or not call.twilio_call_sid:
        return False
    with tenant_transaction(call.tenant_id):
        known = Recording.objects.filter(call=call)
        return not known.exclude(state=Recording.State.RECORDING).exists()


def _lacks_its_reason(leg: CallLeg) -> bool:
    """Its end came without its SIP code, which tells *declined* from *busy*."""
    return leg.sip_code is None and leg.status in (states.BUSY, states.FAILED, states.NO_ANSWER)


def _find_out(
    account: TwilioAccount, room: Conference, call: CallLog, leg: CallLeg, now: datetime
) -> None:
    """Find the call of a lost answer by what names it, or conclude that it was never made.

    Its label names it as long as it is in the room. Afterwards only the addresses do that Twilio
    has called about it: the same numbers may be those of another call of ours.
    """
    sid = gateway.find_participant(account, room.conference_sid or room.name, leg.label)
    if sid is not None:
        with tenant_transaction(room.tenant_id):
            Conference.objects.select_for_update().get(pk=room.pk)
            progress.bind_sid(CallLeg.objects.get(pk=leg.pk), sid)
        return
    if _hear_of_candidates(account, call, now):
        return  # one that tells nothing yet may be it
    with tenant_transaction(room.tenant_id):
        is_found = CallLeg.objects.filter(pk=leg.pk, call_sid__isnull=False).exists()
    if not is_found:
        findings.conclude(leg, states.NEVER_MADE, why="Twilio has no such call")


def _hear_of_candidates(account: TwilioAccount, call: CallLog, now: datetime) -> bool:
    """Hear what Twilio has tried to tell of each call between these numbers that is no leg of ours
    yet. Whether one of them may still tell more.
    """
    found = gateway.find_calls(
        account,
        to=call.to_number,
        caller_id=call.from_number,
        since=call.created_at - CLOCKS_DIFFER,
    )
    with tenant_transaction(call.tenant_id):
        legs = CallLeg.objects.filter(call_sid__in=[facts.sid for facts in found])
        known = set(legs.values_list("call_sid", flat=True))
    is_early = False
    for facts in found:
        if facts.sid in known:
            continue
        requests = gateway.requests_about(account, facts.sid)
        _hear_requests(account, requests, facts.ended_at or now)
        is_early |= not requests and (
            facts.ended_at is None or now - facts.ended_at < REQUESTS_LATE
        )
    return is_early


def _hear_requests(
    account: TwilioAccount, requests: Iterable[gateway.ToldRequest], at: datetime
) -> None:
    """Hear what Twilio has told or tried to tell, as if it came now."""
    for request in requests:
        callback = callback_of(account, request.url, request.form, at)
        if callback is not None:
            with suppress(Unroutable):
                routing.hear(callback)


def _find_recordings(account: TwilioAccount, call: CallLog, now: datetime) -> bool:
    """Note the recordings of a call of which no callback came. Whether one is there to be fetched,
    or nothing was recorded.
    """
    found = messages.find(account, call, now=now)
    return any(facts.status in ("completed", "absent", "failed") for facts in found)
