"""A caller is led to a number that is not ours, within the workspace's calling limits."""

import logging

from django.conf import settings
from django.utils import timezone

from calls.facts.inbound import missed
from calls.facts.refusals import Refusal
from calls.gateway import addresses, twiml
from calls.models import CallLog
from calls.selectors import limits
from calls.services import guarding
from calls.services.inbound.standing import Standing
from contacts.numbers import display

logger = logging.getLogger(__name__)


def may_be_called(at: Standing, number: str) -> bool:
    """Whether the limits allow this call too; what it is taken to cost is then kept with it."""
    tenant = at.call.tenant
    usage = limits.usage(tenant, None, now=timezone.now())
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


def note_answered(at: Standing, call_sid: str) -> None:
    """Whoever has the number talks with the caller. Told twice, it is one answer."""
    at.note(missed.OUTSIDE_ANSWERED, once=True, outside=call_sid)
