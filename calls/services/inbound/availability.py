"""Whether agents take calls: what they choose, and the signs of life of their pages."""

from datetime import datetime

from calls.facts.inbound.queues import Availability
from calls.models import AgentAvailability
from calls.selectors.queues import has_page
from calls.services.inbound import news
from tenants.fence.context import tenant_transaction
from tenants.models import Membership


def choose(member: Membership, availability: Availability, *, now: datetime) -> None:
    """By hand. Whoever becomes *Available* is idle from now on. Their groups are to be tended
    afterwards (`tasks.tend_agent`).
    """
    with tenant_transaction(member.tenant_id):
        row = _row(member, now)
        if availability == Availability.AVAILABLE != row.availability:
            row.idle_since = now
        row.availability = availability.value
        row.missed_in_a_row, row.was_set_away = 0, False
        row.save(update_fields=["availability", "idle_since", "missed_in_a_row", "was_set_away"])
        news.availability([member.user_id])


def note_seen(member: Membership, *, now: datetime) -> bool:
    """A page of the member's has answered. Whether that is news, because none would have confirmed
    an offer before: then their groups are to be tended afterwards (`tasks.tend_agent`).
    """
    with tenant_transaction(member.tenant_id):
        row = _row(member, now)
        was_there = has_page(row, now)
        row.seen_at = max(filter(None, (row.seen_at, now)))
        row.save(update_fields=["seen_at"])
        is_news = has_page(row, now) and not was_there
        if is_news:
            news.availability([member.user_id])
    return is_news


def _row(member: Membership, now: datetime) -> AgentAvailability:
    """Locked; made on first sight, *Away*."""
    rows = AgentAvailability.objects.select_for_update(no_key=True)
    row, _ = rows.get_or_create(user_id=member.user_id, defaults={"idle_since": now})
    return row
