"""The history: one page of calls, filtered, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Exists, OuterRef, Prefetch, QuerySet, When
from django.db.models.expressions import RawSQL

from calls.models import CallLeg, CallLog, Recording
from calls.selectors import lines
from calls.selectors.about import about
from calls.selectors.doubt import Doubt, doubt_of, load_possible, name_of
from tenants.fence.columns import Columns, as_django
from tenants.fence.context import tenant_id_for_query
from tenants.models import Membership, Tenant, User

PAGE_SIZE = 25
COUNT_CAP = 1000
MOST_TO_RETURN = 99  # that are counted
DIRECTIONS = {"inbound": "INBOUND", "outbound": "OUTBOUND"}
MISSED, TO_RETURN = "missed", "to-return"  # in the place of a direction
_NOT_TAKEN = {
    MISSED: "NOT (missed = '')",
    TO_RETURN: "missed_done_at IS NULL AND NOT (missed = '')",
}
LIVE = "live"  # as a status to filter by: any call that is not over


_FROM = "SELECT {} FROM calls_calllog WHERE"
_NEWEST = "ORDER BY started_at DESC, calls_calllog.id DESC"
_COUNT = "(SELECT count(*) FROM ({}) counted)"
_MEMBER = Columns(Membership, "m", "user", "is_active")
_PERSON = Columns(User, "u", "name", "email")
_AGENTS = """
SELECT {columns} FROM tenants_membership m JOIN tenants_user u ON u.id = m.user_id
WHERE m.tenant_id = %s ORDER BY m.is_active DESC, u.name, m.id
"""


@dataclass(frozen=True)
class Filters:
    """What the history is narrowed to; the defaults narrow nothing. Days are the workspace's."""

    direction: str = ""  # a key of DIRECTIONS, MISSED or TO_RETURN
    status: str = ""  # an outcome, or LIVE
    agent: UUID | None = None
    contact: UUID | None = None
    since: date | None = None
    until: date | None = None  # that day included
    recorded: bool = False
    text: str = ""  # part of a contact's name, company or number, or a whole number


@dataclass(frozen=True)
class History:
    """`next_cursor` is "" on the last page; `total_display` is capped: `1,000+`; `to_return` are
    the missed calls of all that nobody has returned: `99+`, "" for none. `is_moving`: of some of
    the rows more will be heard by itself.
    """

    rows: Sequence[lines.HistoryRow]
    next_cursor: str
    total_display: str
    to_return: str = ""
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

    One statement, two more for a text, and one more for calls in doubt, or two where it finds none.
    Every filter is served by an index that is led by the tenant and ends in (started_at, id).
    """
    zone, filters = ZoneInfo(tenant.time_zone), filters or Filters()
    nothing: lines.Select = ("0", [])
    waiting = _to_return(tenant) if is_counted else nothing
    try:
        narrowed = _narrowed(tenant, filters, zone)
    except EmptyResultSet:  # nobody is called so
        return History([], "", "0", _to_return_display(_scalar(waiting)))
    asked = _after(narrowed, before)
    counted = _counted(narrowed, filters) if is_counted else nothing
    found, total, to_return = lines.read(tenant.pk, _ids(asked, size + 1), counted, waiting)
    if is_counted and not found:
        total, to_return = _scalar(counted) if before else 0, _scalar(waiting)
    more, found = len(found) > size, found[:size]
    today = now.astimezone(zone).date()
    doubts = _doubts(found)
    rows = []
    for line in found:
        doubt = None
        if line.id in doubts:
            name, doubt = doubts[line.id]
            line = line._replace(name=name)
        row = lines.row(line, tenant.country, zone, today)
        rows.append(row._replace(doubt=doubt) if doubt else row)
    return History(
        rows=rows,
        next_cursor=f"{found[-1].started_at.isoformat()}~{found[-1].id}" if more else "",
        total_display=f"{COUNT_CAP:,}+" if total > COUNT_CAP else f"{total:,}",
        to_return=_to_return_display(to_return),
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
    try:
        narrowed = _narrowed(tenant, filters, ZoneInfo(tenant.time_zone))
    except EmptyResultSet:
        return [], ""
    sql, values = _ids(_after(narrowed, before), size + 1)
    recordings = Prefetch("recordings", Recording.objects.order_by("created_at"))
    page = list(
        CallLog.objects.filter(pk__in=RawSQL(sql, values))  # noqa: S611 # nosec B611 # ours
        .select_related("contact", "user")
        .prefetch_related(recordings)
        .order_by("-started_at", "-id")
    )
    more, page = len(page) > size, page[:size]
    load_possible(page)
    return page, f"{page[-1].started_at.isoformat()}~{page[-1].pk}" if more else ""


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
    columns = f"{_MEMBER.sql}, {_PERSON.sql}"
    with connection.cursor() as cursor:
        cursor.execute(_AGENTS.format(columns=columns), [_value("tenant", tenant_id_for_query())])
        people = as_django(cursor.fetchall(), _MEMBER, _PERSON)
    return [
        (user_id, (name or email) + ("" if is_active else " (deactivated)"))
        for user_id, is_active, name, email in people
    ]


def _narrowed(tenant: Tenant, filters: Filters, zone: ZoneInfo) -> lines.Select:
    """The condition of the calls that the filters leave, written out as `lines` is. Raises
    EmptyResultSet when there can be none.
    """
    parts, values = ["calls_calllog.tenant_id = %s"], [_value("tenant", tenant.pk)]

    def narrow(sql: str, field: str, value: object) -> None:
        parts.append(sql)
        values.append(_value(field, value))

    if filters.direction in _NOT_TAKEN:
        parts.append(_NOT_TAKEN[filters.direction])
    elif filters.direction:
        narrow("direction = %s", "direction", DIRECTIONS[filters.direction])
    if filters.status == LIVE:
        parts.append("ended_at IS NULL")
    elif filters.status:
        narrow("outcome = %s", "outcome", filters.status)
    if filters.agent:
        narrow("user_id = %s", "user", filters.agent)
    if filters.contact:
        narrow("contact_id = %s", "contact", filters.contact)
    if filters.since:
        narrow("started_at >= %s", "started_at", _midnight(filters.since, zone))
    if filters.until:
        until = _midnight(filters.until + timedelta(days=1), zone)
        narrow("started_at < %s", "started_at", until)
    if filters.recorded:
        parts.append("has_recording")
    if filters.text.strip():
        query = CallLog.objects.filter(about(filters.text, tenant.country)).query
        sql, said = query.where.as_sql(query.get_compiler(connection=connection), connection)
        parts.append(sql)
        values += said
    return " AND ".join(parts), values


def _after(narrowed: lines.Select, cursor: str) -> lines.Select:
    if (place := _read_cursor(cursor)) is None:
        return narrowed
    started_at, call_id = _value("started_at", place[0]), _value("id", place[1])
    # The first condition is the range that the index walks, the second cuts its first moment.
    after = "started_at <= %s AND NOT (started_at = %s AND calls_calllog.id >= %s)"
    return f"{narrowed[0]} AND {after}", [*narrowed[1], started_at, started_at, call_id]


def _ids(narrowed: lines.Select, size: int) -> lines.Select:
    return f"{_FROM.format('calls_calllog.id')} {narrowed[0]} {_NEWEST} LIMIT {size}", narrowed[1]


def _counted(narrowed: lines.Select, filters: Filters) -> lines.Select:
    """Along the index, too: else PostgreSQL looks through the table, as pays for the workspace that
    has most of it, and takes long to find what a small one has. What is found by a text is in
    several indexes.
    """
    order = "" if filters.text.strip() else _NEWEST
    found = f"{_FROM.format('1')} {narrowed[0]} {order} LIMIT {COUNT_CAP + 1}"
    return _COUNT.format(found), narrowed[1]


def _to_return(tenant: Tenant) -> lines.Select:
    condition = f"tenant_id = %s AND {_NOT_TAKEN[TO_RETURN]}"
    found = f"{_FROM.format('1')} {condition} LIMIT {MOST_TO_RETURN + 1}"
    return _COUNT.format(found), [_value("tenant", tenant.pk)]


def _to_return_display(count: int) -> str:
    if count > MOST_TO_RETURN:
        return f"{MOST_TO_RETURN}+"
    return str(count or "")


def _scalar(select: lines.Select) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {select[0]}", select[1])
        ((value,),) = cursor.fetchall()
    return int(value)


def _value(name: str, value: object) -> Any:
    """What the database is sent for a value of a call's field."""
    field: Any = CallLog._meta.get_field(name)
    return field.get_db_prep_value(value, connection)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _read_cursor(text: str) -> tuple[datetime, UUID] | None:
    started_at, _, call_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(started_at)
        return (moment.astimezone(UTC), UUID(call_id)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
