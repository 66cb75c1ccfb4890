"""Calling limits (`facts.limits`) at work: asked where money starts, and told about afterwards."""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calls.facts import limits
from calls.facts.refusals import Refusal
from calls.models import CallingPolicy, StoppedCall
from calls.selectors import limits as rows
from contacts.numbers import country_of
from tenants.bricks.places import countries
from tenants.bricks.texts import storable
from tenants.doors import Named
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant

logger = logging.getLogger(__name__)

KEPT = timedelta(days=30)  # for which it is remembered that somebody was stopped


def check_call(tenant: Tenant, *, agent: Membership, number: str) -> None:
    """Whether the agent might call `number` (E.164) now. Raises `Refusal`."""
    policy = rows.policy_of(tenant)
    check(tenant, number, policy, rows.usage(tenant, agent.user_id, now=timezone.now()))


def check(tenant: Tenant, number: str, policy: limits.Policy, usage: limits.Usage) -> Decimal:
    """The rate that a call to `number` is taken to cost a minute. Raises `Refusal`."""
    country = country_of(number, tenant.country)
    _raise(limits.stop_country(policy, country, dict(countries()).get(country, "")))
    rate = policy.rate_to(country)
    _raise(limits.stop_caps(policy, usage, rate))
    return rate


def check_connect(
    policy: limits.Policy, usage: limits.Usage, *, connects: int, rooms: int, is_rejoin: bool
) -> None:
    """Whether an agent's browser may come into one more room (`limits.stop_connect`). One with a
    call in it (`is_rejoin`) is always open to its agent, but for a browser that connects like mad.
    Raises `Refusal`.
    """
    _raise(limits.stop_connect(policy, connects=connects, rooms=0 if is_rejoin else rooms))
    if not is_rejoin:
        _raise(limits.stop_caps(policy, usage, policy.domestic_rate))


def note_stop(agent: Membership | Named, refusal: Refusal, *, number: str = "") -> None:
    """Remember that a rule stopped somebody, for the workspace's admins and for the log. Other
    refusals are passed over.
    """
    if refusal.code not in limits.RULES:
        return
    now = timezone.now()
    with tenant_transaction(agent.tenant_id):
        row, is_new = StoppedCall.objects.get_or_create(
            user_id=agent.user_id,
            rule=refusal.code,
            hour=now.replace(minute=0, second=0, microsecond=0),
            defaults={"last_at": now},
        )
        StoppedCall.objects.filter(pk=row.pk).update(
            count=F("count") + 1,
            last_at=now,
            last_number=storable(number[:40]),
            message=refusal.message[:300],
        )
        if is_new:
            StoppedCall.objects.filter(last_at__lt=now - KEPT).delete()
    if is_new:  # once an hour for each person and rule: a spree must not drown the log
        facts = {"rule": refusal.code, "user": str(agent.user_id), **refusal.details}
        logger.warning("A call was stopped: %s", refusal.message, extra={"facts": facts})


@transaction.atomic
def save_policy(values: dict[str, Any]) -> CallingPolicy:
    """Write what the workspace's admin has chosen; the ceiling holds whatever it is."""
    row = rows.chosen(lock=True)
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))
    return row


def _raise(stop: limits.Stop | None) -> None:
    if stop is not None:
        raise Refusal(stop.code, stop.message, **stop.details)
