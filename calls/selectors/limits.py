"""What a workspace may call, and what it has under way: rows, as `facts.limits` decides on them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from calls.facts import limits
from calls.models import CallingCeiling, CallingPolicy, CallLog, StoppedCall
from calls.models.sums import NOBODY, length_of
from contacts.numbers import display
from tenants.bricks import moments
from tenants.fence.columns import Columns, split
from tenants.fence.pipeline import ask, rows
from tenants.models import Tenant

DAY = timedelta(days=1)


_STANDARD = asdict(limits.STANDARD) | {"countries": sorted(limits.COUNTRIES)}
_CEILING = asdict(limits.CEILING) | {"refused_countries": sorted(limits.REFUSED_COUNTRIES)}


def chosen(*, lock: bool = False) -> CallingPolicy:
    """The current workspace's row; locked, so made when there is none, or one that is not saved."""
    if lock:
        row, _ = CallingPolicy.objects.select_for_update().get_or_create(defaults=_STANDARD)
        return row  # type: ignore[no-any-return]
    return CallingPolicy.objects.first() or CallingPolicy(**_STANDARD)


def ceiling() -> CallingCeiling:
    """The operator's row, or one that is not saved."""
    return CallingCeiling.objects.first() or CallingCeiling(**_CEILING)


def policy_of(tenant: Tenant) -> limits.Policy:
    """What holds now."""
    return _policy(tenant.country, chosen(), ceiling())


# For a statement of somebody else's that joins both, which may be there or not.
OURS, HIGHEST = Columns(CallingPolicy, "p"), Columns(CallingCeiling, "h")


def policy_in(row: Sequence[Any], country: str) -> limits.Policy:
    """What holds in a workspace whose home is `country`; `row` ends in the columns of OURS and
    HIGHEST.
    """
    *_, ours, highest = split(row, OURS, HIGHEST)
    return _policy(country, _row(OURS, ours, _STANDARD), _row(HIGHEST, highest, _CEILING))


def _row(columns: Columns, values: Sequence[Any], standard: dict[str, Any]) -> Any:
    is_there = values[columns.names.index("id")] is not None
    return columns.instance(values) if is_there else columns.model(**standard)


def _policy(country: str, ours: CallingPolicy, highest: CallingCeiling) -> limits.Policy:
    return limits.Policy(
        caps=limits.Caps.read(ours).within(limits.Caps.read(highest)),
        home=country,
        countries=frozenset(ours.countries),
        refused_countries=frozenset(highest.refused_countries),
        domestic_rate=highest.domestic_rate,
        international_rate=highest.international_rate,
        currency=highest.currency,
    )


_PART = Columns(CallLog, "c", "user", "assumed_rate", "started_at", "ended_at")
# The few that are new or not over, each; the sums of whole hours; and of the hour in which the 24
# begin what ended. In one statement, so that one which ends meanwhile is counted once.
_USAGE = f"""SELECT c.submission, 0, 0, {_PART.sql} FROM calls_calllog c
WHERE c.tenant_id = %s AND c.direction = 'OUTBOUND' AND (c.ended_at IS NULL OR c.started_at > %s)
UNION ALL
SELECT NULL, SUM(s.calls), SUM(s.length), s.person, s.rate, NULL, NULL FROM calls_hoursum s
WHERE s.tenant_id = %s AND s.hour >= %s GROUP BY s.person, s.rate
UNION ALL
SELECT NULL, COUNT(*), SUM({{length}}), c.user_id, c.assumed_rate, NULL, NULL FROM calls_calllog c
WHERE c.tenant_id = %s AND c.direction = 'OUTBOUND' AND c.started_at >= %s AND c.started_at < %s
AND c.ended_at IS NOT NULL AND c.submission <> 'refused' GROUP BY c.user_id, c.assumed_rate"""  # noqa: S608 # nosec B608 # our names


def usage(tenant: Tenant, user_id: UUID | None, *, now: datetime) -> limits.Usage:
    """What the workspace, and the agent `user_id` in it, have under way and spent. A call belongs
    to the 24 hours in which it began: days begin where an admin puts the time zone.
    """
    return usage_in(ask_usage(tenant.pk, now=now), user_id, now=now)


def ask_usage(tenant_id: UUID, *, now: datetime) -> Any:
    """Send the statement that `usage_in` reads."""
    since, whole = now - DAY, _hour_after(now - DAY)
    statement = _USAGE.format(length=length_of("c", connection.vendor))
    values = [tenant_id, now - limits.WINDOW, tenant_id, whole, tenant_id, since, whole]
    return ask(statement, values)


def usage_in(asked: Any, user_id: UUID | None, *, now: datetime) -> limits.Usage:
    lately = now - limits.WINDOW
    agent_calls = calls = agent_running = running = 0
    spent: dict[tuple[UUID | None, Decimal], limits.Spent] = {}

    def add(whose: UUID | None, rate: Decimal, calls: int, running: int, length: timedelta) -> None:
        known = spent.get((whose, rate), limits.Spent(rate, 0, 0, timedelta()))
        spent[whose, rate] = limits.Spent(
            rate, known.calls + calls, known.running + running, known.length + length
        )

    for submission, number, length, whose, rate, started_at, ended_at in rows(asked, _PART):
        if started_at is None:  # a sum
            person = whose if whose != NOBODY else None
            add(person, rate, int(number), 0, timedelta(microseconds=int(length)))
            continue
        is_own, is_running = whose == user_id, ended_at is None
        running += is_running
        agent_running += is_running and is_own
        calls += started_at > lately
        agent_calls += started_at > lately and is_own
        counts = started_at >= now - DAY and submission != CallLog.Submission.REFUSED
        if is_running and counts:
            add(whose, rate, 1, 1, now - started_at)
    return limits.Usage(
        agent_calls=agent_calls,
        calls=calls,
        agent_running=agent_running,
        running=running,
        agent_spent=limits.spent(part for (whose, _), part in spent.items() if whose == user_id),
        spent=limits.spent(spent.values()),
    )


def _hour_after(moment: datetime) -> datetime:
    """The first full hour that does not begin before it."""
    begun = moment.replace(minute=0, second=0, microsecond=0)
    return begun if begun == moment else begun + timedelta(hours=1)


@dataclass(frozen=True)
class Stopped:
    """One line of the list of stopped calls."""

    rule: str
    who: str
    number_display: str
    message: str
    times: str
    when: str
    later: str
    iso: str


def stopped_calls(tenant: Tenant, *, now: datetime, at_most: int = 50) -> list[Stopped]:
    """The latest of the last thirty days, newest first."""
    stopped = StoppedCall.objects.filter(last_at__gt=now - timedelta(days=30))
    zone = ZoneInfo(tenant.time_zone)
    return [
        Stopped(
            rule=row.get_rule_display(),
            who=str(row.user),
            number_display=display(row.last_number, tenant.country),
            message=row.message,
            times="once" if row.count == 1 else f"{row.count} times",
            when=moments.moment(row.last_at, zone, now),
            later=moments.later(row.last_at, zone, now),
            iso=row.last_at.isoformat(),
        )
        for row in stopped.select_related("user").order_by("-last_at")[:at_most]
    ]


def was_stopped_lately(*, now: datetime) -> bool:
    """Whether a rule stopped anybody within a day."""
    return bool(StoppedCall.objects.filter(last_at__gt=now - timedelta(days=1)).exists())
