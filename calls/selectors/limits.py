"""What a workspace may call, and what it has under way: rows, as `facts.limits` decides on them."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum, Value
from django.db.models.functions import Coalesce

from calls.facts import limits
from calls.models import CallingCeiling, CallingPolicy, CallLeg, CallLog, Conference, StoppedCall
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
    own = Count("id", filter=Q(user_id=user_id))
    lately = placed.filter(started_at__gt=now - limits.WINDOW).aggregate(all=Count("id"), own=own)
    running = placed.filter(ended_at=None).aggregate(all=Count("id"), own=own)
    length = ExpressionWrapper(
        Coalesce("ended_at", Value(now)) - F("started_at"), output_field=DurationField()
    )
    lately_spent = (
        placed.filter(started_at__gte=now - DAY)
        .exclude(submission=CallLog.Submission.REFUSED)
        .values("user_id", "assumed_rate")
        .annotate(calls=Count("id"), running=Count("id", filter=Q(ended_at=None)), time=Sum(length))
    )
    parts = [
        (
            part["user_id"],
            limits.Spent(part["assumed_rate"], part["calls"], part["running"], part["time"]),
        )
        for part in lately_spent
    ]
    return limits.Usage(
        agent_calls=lately["own"],
        calls=lately["all"],
        agent_running=running["own"],
        running=running["all"],
        agent_spent=limits.spent(part for whose, part in parts if whose == user_id),
        spent=limits.spent(part for _, part in parts),
    )


def connects(user_id: UUID, *, now: datetime) -> int:
    """How often the agent's browsers have come into a room within `limits.WINDOW`."""
    legs = CallLeg.objects.filter(user_id=user_id, party=CallLeg.Party.AGENT)
    return int(legs.filter(created_at__gt=now - limits.WINDOW).count())


def open_rooms(user_id: UUID, *, but: Conference) -> int:
    """How many other rooms of the agent are not over."""
    rooms = Conference.objects.filter(agent_id=user_id, closed_at=None)
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
