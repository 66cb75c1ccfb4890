"""The sweep: finds what got lost, and asks Twilio how it ended. Runs for one tenant at a time.

Rows are the outbox. Whatever a crash, a lost webhook or an absent broker left undone stands in a
row with a state; nothing here depends on a task having been queued.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from calls import gateway
from calls.facts import states
from calls.gateway.accounts import AccountGone, TwilioAccount, TwilioNotConfigured, account_for
from calls.models import CallLeg, CallLog, Conference, Recording
from calls.services import forgetting, recordings
from calls.services.callbacks import aside, routing
from calls.services.callbacks.reading import callback_of
from calls.services.callbacks.routing import Unroutable
from calls.services.rooms import progress, tending
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)

QUIET = timedelta(seconds=30)  # after which Twilio is asked about a room again
UNCERTAIN = timedelta(seconds=60)  # after which a lost answer is searched for
CLOCKS_DIFFER = timedelta(seconds=5)  # ours and Twilio's, at most
ALONE = timedelta(seconds=120)  # for which an agent may wait in a room without a call
REQUESTS_LATE = timedelta(minutes=30)  # Twilio: 15 after a call's end
RECORDING_LATE = timedelta(seconds=120)  # after a call's end, without news of its recording
RECORDING_SEARCHED = timedelta(hours=24)
LONGEST_CALL = timedelta(hours=24)  # which Twilio allows nobody to exceed


def sweep_tenant(tenant_id: UUID, *, now: datetime) -> list[UUID]:
    """Bring every open room of a tenant up to date; returns the recordings that are to be fetched.

    Talks to Twilio, so it must run outside any transaction.
    """
    aside.hear_again(tenant_id, now=now)
    with tenant_transaction(tenant_id):
        rooms = list(
            Conference.objects.filter(
                Q(checked_at=None) | Q(checked_at__lte=now - QUIET),
                closed_at=None,
                created_at__lte=now - QUIET,
            ).order_by("created_at")[:200]
        )
    for room in rooms:
        try:
            _check_room(room, now)
        except (gateway.TwilioError, TwilioNotConfigured) as error:
            logger.warning("Room %s could not be checked: %s", room.pk, error)
    try:
        _find_lost_recordings(tenant_id, now)
    except (gateway.TwilioError, TwilioNotConfigured) as error:
        logger.warning("Recordings could not be searched: %s", error)
    with tenant_transaction(tenant_id):
        forgetting.forget_retired_accounts(now)
        due = Recording.objects.filter(state=Recording.State.WAITING, next_attempt_at__lte=now)
        return list(due.values_list("pk", flat=True)[:200])


def _check_room(room: Conference, now: datetime) -> None:
    tenant_id = room.tenant_id
    with tenant_transaction(tenant_id):
        Conference.objects.filter(pk=room.pk).update(checked_at=now)
        call = CallLog.objects.filter(conference=room).first()
        legs = list(room.legs.all())
    try:
        account = account_for(tenant_id, room.account_sid)
    except AccountGone:
        # Nobody can ask about it any more, ever.
        for leg in legs:
            progress.conclude(leg, states.FAILED, why="its Twilio account is gone")
        return
    for leg in legs:
        if leg.status in states.TERMINAL:
            continue
        if leg.call_sid:
            facts = gateway.fetch_call(account, leg.call_sid)
            if facts is None:
                progress.conclude(leg, states.FAILED, why="Twilio does not know this call")
            else:
                progress.hear_facts(leg, facts)
        elif call is not None and now - call.created_at >= UNCERTAIN:
            _find_out(account, room, call, leg, now)
    if call is None and now - room.created_at >= ALONE:
        tending.close_room(tenant_id, room.pk)
    else:
        tending.tend_room(tenant_id, room.pk)


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
        progress.conclude(leg, states.NEVER_MADE, why="Twilio has no such call")


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
        for request in requests:
            callback = callback_of(account, request.url, request.form, facts.ended_at or now)
            if callback is not None:
                with suppress(Unroutable):
                    routing.hear(callback)
        is_early |= not requests and (
            facts.ended_at is None or now - facts.ended_at < REQUESTS_LATE
        )
    return is_early


def _find_lost_recordings(tenant_id: UUID, now: datetime) -> None:
    """Ask for the recordings of answered calls of which no callback came."""
    with tenant_transaction(tenant_id):
        calls = list(
            CallLog.objects.filter(
                is_recorded=True,
                answered_at__isnull=False,
                # An index leads to the time at which a call began, none to its end.
                started_at__gte=now - RECORDING_SEARCHED - LONGEST_CALL,
                ended_at__lte=now - RECORDING_LATE,
                ended_at__gte=now - RECORDING_SEARCHED,
                twilio_call_sid__isnull=False,
            )
            .filter(
                Q(recordings=None) | Q(recordings__state=Recording.State.RECORDING),
            )
            .distinct()
            .select_related("conference")
            .order_by("ended_at")[:50]
        )
    for call in calls:
        try:
            account = account_for(tenant_id, call.conference.account_sid if call.conference else "")
        except AccountGone:
            continue
        for facts in gateway.find_recordings(account, call.twilio_call_sid or ""):
            recordings.note_recording(
                tenant_id,
                call_id=call.pk,
                call_sid=call.twilio_call_sid or "",
                account_sid=account.sid,
                sid=facts.sid,
                status=facts.status,
                duration=facts.duration,
                channels=facts.channels,
                now=now,
            )
