"""What a workspace may call, and what it has under way: rows, as `facts.limits` decides on them."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum

from calls.facts import limits
from calls.models import (
    CallingCeiling,
    CallingPolicy,
    CallLeg,
    CallLog,
    Conference,
    HourSum,
    StoppedCall,
)
from calls.models.rooms import OPEN
from calls.models.sums import NOBODY
from contacts.numbers import display
from tenants.bricks import moments
from tenants.models import Tenant

DAY = timedelta(days=1)


def chosen(*, lock: bool = False) -> CallingPolicy:
    """The current workspace's row; locked, so made when there is none, or one that is not saved."""
    standard = asdict(limits.STANDARD) | {"countries": sorted(limits.COUNTRIES)}
    if lock:
        row, _ = CallingPolicy.objects.select_for_update().get_or_create(defaults=standard)
        return row  # type: ignore[no-any-return]
    return CallingPolicy.objects.first() or CallingPolicy(**standard)


def ceiling() -> CallingCeiling:
    """The operator's row, or one that is not saved."""
    standard = asdict(limits.CEILING) | {"refused_countries": sorted(limits.REFUSED_COUNTRIES)}
    return CallingCeiling.objects.first() or CallingCeiling(**standard)


def policy_of(tenant: Tenant, *, lock: bool = False) -> limits.Policy:
    """What holds now. `lock` makes calls of one workspace wait for each other until they are
    counted.
    """
    ours, highest = chosen(lock=lock), ceiling()
    return limits.Policy(
        caps=limits.Caps.read(ours).within(limits.Caps.read(highest)),
        home=tenant.country,
        countries=frozenset(ours.countries),
        refused_countries=frozenset(highest.refused_countries),
        domestic_rate=highest.domestic_rate,
        international_rate=highest.international_rate,
        currency=highest.currency,
    )


def usage(tenant: Tenant, user_id: UUID | None, *, now: datetime) -> limits.Usage:
    """What the workspace, and the agent `user_id` in it, have under way and spent. A call belongs
    to the 24 hours in which it began: days begin where an admin puts the time zone.
    """
    placed = CallLog.objects.filter(direction=CallLog.Direction.OUTBOUND).order_by()
    lately = now - limits.WINDOW
    agent_calls = calls = agent_running = running = 0
    spent: dict[tuple[UUID | None, Decimal], limits.Spent] = {}

    def add(whose: UUID | None, rate: Decimal, calls: int, running: int, length: timedelta) -> None:
        known = spent.get((whose, rate), limits.Spent(rate, 0, 0, timedelta()))
        spent[whose, rate] = limits.Spent(
            rate, known.calls + calls, known.running + running, known.length + length
        )

    # The few that are new or not over, which no sum holds yet. They are read first: one that ends
    # meanwhile is counted twice rather than not at all.
    current = placed.filter(Q(ended_at=None) | Q(started_at__gt=lately))
    for whose, rate, submission, started_at, ended_at in current.values_list(
        "user_id", "assumed_rate", "submission", "started_at", "ended_at"
    ):
        is_own, is_running = whose == user_id, ended_at is None
        running += is_running
        agent_running += is_running and is_own
        calls += started_at > lately
        agent_calls += started_at > lately and is_own
        counts = started_at >= now - DAY and submission != CallLog.Submission.REFUSED
        if is_running and counts:
            add(whose, rate, 1, 1, now - started_at)
    whole = _hour_after(now - DAY)
    sums = HourSum.objects.filter(hour__gte=whole).order_by()
    for person, rate, number, length in sums.values_list("person", "rate").annotate(
        number=Sum("calls"), together=Sum("length")
    ):
        add(person if person != NOBODY else None, rate, number, 0, timedelta(microseconds=length))
    # Of the hour in which the 24 begin.
    begun = placed.filter(started_at__gte=now - DAY, started_at__lt=whole, ended_at__isnull=False)
    taken = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    for whose, rate, number, length in (
        begun.exclude(submission=CallLog.Submission.REFUSED)
        .values_list("user_id", "assumed_rate")
        .annotate(number=Count("id"), together=Sum(taken))
    ):
        add(whose, rate, number, 0, length)
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


def connects(user_id: UUID, *, now: datetime) -> int:
    """How often the agent's browsers have come into a room within `limits.WINDOW`."""
    legs = CallLeg.objects.filter(user_id=user_id, party=CallLeg.Party.AGENT)
    return int(legs.filter(created_at__gt=now - limits.WINDOW).count())


def open_rooms(user_id: UUID, *, but: Conference) -> int:
    """How many other rooms of the agent are not over."""
    rooms = Conference.objects.filter(OPEN, agent_id=user_id)
    return int(rooms.exclude(pk=but.pk).count())


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
    rows = StoppedCall.objects.filter(last_at__gt=now - timedelta(days=30))
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
        for row in rows.select_related("user").order_by("-last_at")[:at_most]
    ]


def was_stopped_lately(*, now: datetime) -> bool:
    """Whether a rule stopped anybody within a day."""
    return bool(StoppedCall.objects.filter(last_at__gt=now - timedelta(days=1)).exists())
