"""A caller is led to a number that is not ours, within the workspace's calling limits."""

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings

from calls.facts import states
from calls.facts.inbound import missed
from calls.facts.refusals import Refusal
from calls.facts.sids import CALL, is_sid
from calls.gateway import addresses, twiml
from calls.models import CallLog
from calls.selectors import limits
from calls.services import guarding
from calls.services.inbound import spending, standing
from calls.services.inbound.standing import Standing
from contacts.numbers import display
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)


def may_be_called(at: Standing, number: str) -> bool:
    """Whether the limits allow this call too; what it is taken to cost is then kept with it."""
    tenant = at.call.tenant
    limits.chosen(lock=True)  # what calls there are is counted by one after the other
    usage = spending.usage(tenant, now=at.now, but=at.call.pk)
    try:
        rate = guarding.check(tenant, number, limits.policy_of(tenant), usage)
    except Refusal as refusal:
        logger.warning("A caller was not led to %s: %s", display(number), refusal.message)
        return False
    CallLog.objects.filter(pk=at.call.pk).update(assumed_rate=rate)
    return True


def document(at: Standing, number: str, *, action_url: str) -> str:
    caps = limits.policy_of(at.call.tenant).caps
    return twiml.dial_outside(
        number,
        caller_id=at.call.to_number,
        action_url=action_url,
        status_callback=addresses.outside_status(at.tenant_id, at.call.pk),
        ring_timeout=settings.RING_TIMEOUT,
        time_limit=caps.longest_minutes * 60,
    )


def hear(
    tenant_id: UUID,
    call_id: UUID,
    *,
    account_sid: str,
    parent_sid: str,
    call_sid: str,
    status: str,
    now: datetime,
) -> bool:
    """What is told of an outside number's call (`call_sid`), which a caller's (`parent_sid`) has
    led to. Whether there is such a caller.
    """
    with tenant_transaction(tenant_id):
        at = standing.find(call_id, account_sid, parent_sid, now=now)
        if at is not None and status == states.IN_PROGRESS and is_sid(call_sid, CALL):
            note_answered(at, call_sid)
        return at is not None


def note_answered(at: Standing, call_sid: str) -> None:
    """Whoever has the number talks with the caller. Told twice, it is one answer."""
    at.note(missed.OUTSIDE_ANSWERED, once=True, outside=call_sid)
