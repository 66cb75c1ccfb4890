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
from calls.models import CallingPolicy, Conference, StoppedCall
from calls.selectors import limits as rows
from contacts.numbers import country_of
from tenants.bricks.places import countries
from tenants.bricks.texts import storable
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant

logger = logging.getLogger(__name__)

KEPT = timedelta(days=30)  # for which it is remembered that somebody was stopped


def check_call(
    tenant: Tenant, *, agent: Membership, number: str, final: bool = False
) -> tuple[limits.Policy, Decimal]:
    """What holds for a call to `number` (E.164) now, and the rate it is taken to cost a minute.

    `final` keeps other calls of the workspace waiting until this transaction is over, so that no
    two of them count as the same one. Raises `Refusal`.
    """
    policy = rows.policy_of(tenant, lock=final)
    country = country_of(number, tenant.country)
    _raise(limits.stop_country(policy, country, dict(countries()).get(country, "")))
    rate = policy.rate_to(country)
    _raise(limits.stop_caps(policy, rows.usage(tenant, agent.user_id, now=timezone.now()), rate))
    return policy, rate


def check_connect(agent: Membership, room: Conference, *, is_rejoin: bool) -> None:
    """Whether the agent's browser may come into `room`. One with a call in it (`is_rejoin`) is
    always open to its agent, but for a browser that connects like mad. Raises `Refusal`.
    """
    now = timezone.now()
    policy = rows.policy_of(agent.tenant)
    others = 0 if is_rejoin else rows.open_rooms(agent.user_id, but=room)
    connects = rows.connects(agent.user_id, now=now)
    _raise(limits.stop_connect(policy, connects=connects, rooms=others))
    if not is_rejoin:
        usage = rows.usage(agent.tenant, agent.user_id, now=now)
        _raise(limits.stop_caps(policy, usage, policy.domestic_rate))


def note_stop(agent: Membership, refusal: Refusal, *, number: str = "") -> None:
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
