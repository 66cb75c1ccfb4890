"""What the calls cost that no agent places: callers who are led to outside numbers, and agents who
talk with them on their own telephones.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from calls.facts.limits import WINDOW, Spent, Usage, spent
from calls.models import CallLog, PhoneRing
from calls.models.sums import NOBODY
from calls.selectors import limits
from calls.selectors.limits import DAY
from tenants.models import Tenant


def usage(tenant: Tenant, *, now: datetime, but: UUID | None = None) -> Usage:
    """What the workspace has under way and has spent, these calls with it; without the call `but`.
    A telephone that was rung in vain costs nothing, and counts for nothing.
    """
    known = limits.usage(tenant, NOBODY, now=now)
    led = CallLog.objects.filter(direction=CallLog.Direction.INBOUND, started_at__gte=now - DAY)
    led = led.filter(assumed_rate__gt=0).exclude(pk=but)
    found = list(led.values_list("assumed_rate", "started_at", "ended_at"))
    begun = sum(began_at > now - WINDOW for _, began_at, _ in found)
    talks = PhoneRing.objects.filter(answered_at__gte=now - DAY)
    found += talks.values_list("rate", "answered_at", "ended_at")
    parts = [
        Spent(rate, 1, int(ended_at is None), (ended_at or now) - began_at)
        for rate, began_at, ended_at in found
    ]
    return replace(
        known,
        calls=known.calls + begun,
        running=known.running + sum(part.running for part in parts),
        spent=known.spent + spent(parts),
    )
