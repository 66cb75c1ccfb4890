"""The history: one page of calls, filtered, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db.models import Case, Exists, OuterRef, Prefetch, QuerySet, When

from calls.models import CallLeg, CallLog, Recording
from calls.selectors import lines
from calls.selectors.about import about
from calls.selectors.doubt import Doubt, doubt_of, load_possible, name_of
from tenants.models import Membership, Tenant

PAGE_SIZE = 25
COUNT_CAP = 1000
DIRECTIONS = {"inbound": "INBOUND", "outbound": "OUTBOUND"}
LIVE = "live"  # as a status to filter by: any call that is not over


@dataclass(frozen=True)
class Filters:
    """What the history is narrowed to; the defaults narrow nothing. Days are the workspace's."""

    direction: str = ""  # a key of DIRECTIONS
    status: str = ""  # an outcome, or LIVE
    agent: UUID | None = None
    contact: UUID | None = None
    since: date | None = None
    until: date | None = None  # that day included
    recorded: bool = False
    text: str = ""  # part of a contact's name, company or number, or a whole number


@dataclass(frozen=True)
class History:
    """`next_cursor` is "" on the last page; `total_display` is capped: `1,000+`. `is_moving`: of
    some of the rows more will be heard by itself.
    """

    rows: Sequence[lines.HistoryRow]
    next_cursor: str
    total_display: str
    is_moving: bool = False


def history(
    tenant: Tenant,
    *,
    now: datetime,
    filters: Filters | None = None,
    before: str = "",
    size: int = PAGE_SIZE,
    is_counted: bool = True,
) -> History:
    """One page of calls, newest first, after the cursor `before`.

    Two statements (one without the total), two more for a text, and one more for calls in doubt.
    Every filter is served by an index that is led by the tenant and ends in (started_at, id).
    """
    zone = ZoneInfo(tenant.time_zone)
    calls = _narrowed(tenant, filters or Filters(), zone).order_by("-started_at", "-id")
    try:
        total = calls.order_by()[: COUNT_CAP + 1].count() if is_counted else 0
        page = _after(calls, before).values("pk")[: size + 1].query.sql_with_params()
    except EmptyResultSet:  # nobody is called so
        return History([], "", "0")
    found = lines.read(tenant.pk, *page)
    more, found = len(found) > size, found[:size]
    today = now.astimezone(zone).date()
    doubts = _doubts(found)
    rows = []
    for line in found:
        name, doubt = doubts.get(line.id, (line.name, None))
        row = lines.row(line._replace(name=name), tenant.country, zone, today)
        rows.append(row._replace(doubt=doubt) if doubt else row)
    return History(
        rows=rows,
        next_cursor=f"{found[-1].started_at.isoformat()}~{found[-1].id}" if more else "",
        total_display=f"{COUNT_CAP:,}+" if total > COUNT_CAP else f"{total:,}",
        is_moving=any(line.is_moving for line in found),
    )


def _doubts(found: Sequence[lines.Line]) -> dict[UUID, tuple[str, Doubt | None]]:
    """(name, question) of the calls of which it is not known whom they are with."""
    calls = [CallLog(pk=line.id, meant=line.meant) for line in found if line.is_in_doubt]
    if calls:
        load_possible(calls)
    return {call.pk: (name_of(call), doubt_of(call)) for call in calls}


def calls_after(
    tenant: Tenant, *, filters: Filters, before: str, size: int
) -> tuple[Sequence[CallLog], str]:
    """(calls of the history after the cursor `before`, the next cursor), not counted or formatted;
    contact, user, recordings and whom it may be with are loaded.
    """
    calls = _after(_narrowed(tenant, filters, ZoneInfo(tenant.time_zone)), before)
    recordings = Prefetch("recordings", Recording.objects.order_by("created_at"))
    page = list(
        calls.select_related("contact", "user")
        .prefetch_related(recordings)
        .order_by("-started_at", "-id")[: size + 1]
    )
    more, page = len(page) > size, page[:size]
    load_possible(page)
    return page, f"{page[-1].started_at.isoformat()}~{page[-1].pk}" if more else ""


def _after(calls: QuerySet[CallLog], cursor: str) -> QuerySet[CallLog]:
    if (place := _read_cursor(cursor)) is None:
        return calls
    started_at, call_id = place
    # The first condition is the range that the index walks, the second cuts its first moment.
    return calls.filter(started_at__lte=started_at).exclude(started_at=started_at, id__gte=call_id)


def with_hold(calls: QuerySet[CallLog]) -> QuerySet[CallLog]:
    """The same calls, each with `is_on_hold`: whether its contact hears music. Calls that are over
    are not looked up.
    """
    held = CallLeg.objects.filter(
        conference_id=OuterRef("conference_id"), party=CallLeg.Party.CONTACT, on_hold=True
    )
    return calls.annotate(is_on_hold=Case(When(ended_at=None, then=Exists(held)), default=False))


def agents() -> Sequence[tuple[UUID, str]]:
    """(user id, name) of everyone who can have had a call here, those who have left last."""
    members = Membership.objects.order_by("-is_active", "user__name", "id")
    people = members.values_list("user_id", "user__name", "user__email", "is_active")
    return [
        (user_id, (name or email) + ("" if is_active else " (deactivated)"))
        for user_id, name, email, is_active in people
    ]


def _narrowed(tenant: Tenant, filters: Filters, zone: ZoneInfo) -> QuerySet[CallLog]:
    calls: QuerySet[CallLog] = CallLog.objects.all()
    if filters.direction:
        calls = calls.filter(direction=DIRECTIONS[filters.direction])
    if filters.status == LIVE:
        calls = calls.filter(ended_at=None)
    elif filters.status:
        calls = calls.filter(outcome=filters.status)
    if filters.agent:
        calls = calls.filter(user_id=filters.agent)
    if filters.contact:
        calls = calls.filter(contact_id=filters.contact)
    if filters.since:
        calls = calls.filter(started_at__gte=_midnight(filters.since, zone))
    if filters.until:
        calls = calls.filter(started_at__lt=_midnight(filters.until + timedelta(days=1), zone))
    if filters.recorded:
        stored = Recording.objects.filter(call_id=OuterRef("pk"), state=Recording.State.STORED)
        calls = calls.filter(Exists(stored))
    if filters.text.strip():
        calls = calls.filter(about(filters.text, tenant.country))
    return calls


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _read_cursor(text: str) -> tuple[datetime, UUID] | None:
    started_at, _, call_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(started_at)
        return (moment.astimezone(UTC), UUID(call_id)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
