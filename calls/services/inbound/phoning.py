"""Ringing agents' own telephones at Twilio, and stopping it. Everything can run twice: what we ask
is written down first, so that no offer rings twice, and taken back when it was certainly not done.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.phones import Step, next_step
from calls.facts.refusals import Refusal
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount, TwilioNotConfigured, account_for
from calls.models import CallLeg, Group, PhoneRing
from calls.selectors import limits, queues
from calls.services import guarding
from calls.services.inbound import phones, spending
from tenants.doors import Named
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

logger = logging.getLogger(__name__)

SHORTEST = 5  # seconds that a telephone rings, whatever the group's step
LOST = timedelta(seconds=90)  # after which a call whose answer was lost has come to nothing
_MOST_STEPS = 3  # of a ring, one after the other
_NOT_NOW = (gateway.TwilioBusy, gateway.TwilioUnreachable, TwilioNotConfigured)


def tend(tenant_id: UUID, ring_id: UUID) -> UUID | None:
    """Do what a ring needs. Returns the agent whose groups are to be tended afterwards; None: there
    was nothing to do.

    Talks to Twilio, so it must run outside any transaction.
    """
    whose = None
    for _ in range(_MOST_STEPS):
        with tenant_transaction(tenant_id):
            ring, now = phones.locked(ring_id), timezone.now()
            if ring is None:
                return None
            step = next_step(ring.fact, is_offered=phones.is_offered(ring), now=now)
            if step is None:
                return whose
            refusal, longest = _write_down(ring, step, now)
            whose = ring.user_id
        if refusal is not None:
            agent = Named(tenant_id, ring.user_id)
            guarding.note_stop(agent, refusal, number=ring.number)
        if step is Step.FORGET or refusal is not None:
            return whose
        if step is Step.DIAL:
            _dial(ring, longest)
        else:
            _stop(ring, step)
    return whose


def _write_down(ring: PhoneRing, step: Step, now: datetime) -> tuple[Refusal | None, int]:
    """What is about to be asked, before it is. Why a telephone is not rung after all, and for how
    many seconds its agent may talk.
    """
    if step is Step.FORGET:
        phones.note(ring, states.CANCELED, now=now)
    elif step is Step.DIAL:
        tenant = Tenant.objects.get(pk=ring.tenant_id)
        limits.chosen(lock=True)  # what calls there are is counted by one after the other
        policy = limits.policy_of(tenant)
        # How many are begun within a minute is bounded by how many telephones there are.
        usage = replace(spending.usage(tenant, now=now), calls=0)
        try:
            ring.rate = guarding.check(tenant, ring.number, policy, usage)
        except Refusal as refusal:
            phones.note(ring, states.FAILED, now=now)
            return refusal, 0
        ring.asked_at = now
        ring.save(update_fields=["asked_at", "rate"])
        return None, policy.caps.longest_minutes * 60
    else:
        ring.stopped_at = now
        ring.save(update_fields=["stopped_at"])
    return None, 0


def _dial(ring: PhoneRing, longest: int) -> None:
    tenant_id, call = ring.tenant_id, ring.offer.caller.call
    try:
        call_sid = gateway.call_phone(
            _account(ring),
            to=ring.number,
            caller_id=call.to_number,
            asks=addresses.phone_step(tenant_id, ring.pk, "phone"),
            status_callback=addresses.phone_status(tenant_id, ring.pk),
            ring_timeout=_timeout(ring),
            time_limit=longest,
        )
    except gateway.OutcomeUnknown as error:
        # Never asked again: its callbacks tell of it, or it has come to nothing.
        logger.warning("Whether phone %s is rung is not known: %s", ring.pk, error)
        return
    except gateway.TwilioRefused as error:
        logger.warning("Phone %s cannot be rung: %s", ring.pk, error)
        _note(ring, states.FAILED)
        return
    except _NOT_NOW:
        with tenant_transaction(tenant_id):
            PhoneRing.objects.filter(pk=ring.pk, call_sid="").update(asked_at=None)
        raise
    _note(ring, "", call_sid=call_sid)


def _timeout(ring: PhoneRing) -> int:
    """As long as the offer rings."""
    group_id = queues.group_in(ring.offer.caller.place)
    with tenant_transaction(ring.tenant_id):
        seconds = Group.objects.filter(pk=group_id).values_list("step_seconds", flat=True).first()
    return max(SHORTEST, seconds or 0)


def _stop(ring: PhoneRing, step: Step) -> None:
    try:
        if step is Step.TELL:
            over = addresses.phone_step(ring.tenant_id, ring.pk, "phone-over")
            facts = gateway.redirect(_account(ring), ring.call_sid, over)
        else:
            ringing = step is Step.CANCEL
            facts = gateway.hang_up(_account(ring), ring.call_sid, ringing=ringing)
    except gateway.OutcomeUnknown as error:
        logger.warning("Whether phone %s has stopped is not known: %s", ring.pk, error)
        return  # it is looked for in a moment
    except (gateway.TwilioRefused, *_NOT_NOW):
        with tenant_transaction(ring.tenant_id):
            PhoneRing.objects.filter(pk=ring.pk).update(stopped_at=None)
        raise
    _note(ring, facts.status if facts else states.FAILED)


def _note(ring: PhoneRing, status: str, *, call_sid: str = "") -> None:
    with tenant_transaction(ring.tenant_id):
        found = phones.locked(ring.pk)
        if found is not None:
            phones.note(found, status, call_sid=call_sid, now=timezone.now())


def _account(ring: PhoneRing) -> TwilioAccount:
    room = ring.offer.caller.call.conference
    if room is None:
        raise LookupError("a call and its room go with their workspace alone")
    return account_for(ring.tenant_id, room.account_sid)


def look(tenant_id: UUID, ring_id: UUID) -> UUID | None:
    """Find out what became of a ring of which nothing more was heard; as `tend`.

    A talk's end is that of its leg, which the room's look finds out.
    """
    with tenant_transaction(tenant_id):
        ring, now = phones.locked(ring_id), timezone.now()
        if ring is None or ring.ended_at is not None:
            return ring.user_id if ring else None
        leg = CallLeg.objects.filter(call_sid=ring.call_sid, is_phone=True).first()
        if leg is not None:
            if leg.ended_at is not None:
                phones.note(ring, states.COMPLETED, now=leg.ended_at)
            return ring.user_id
        if not ring.call_sid:
            if ring.asked_at is not None and now - ring.asked_at >= LOST:
                phones.note(ring, states.FAILED, now=now)
    if ring.call_sid:
        facts = gateway.fetch_call(_account(ring), ring.call_sid)
        _note(ring, facts.status if facts else states.FAILED)
    return tend(tenant_id, ring_id)
