"""The call history as a CSV file."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from calls import selectors
from calls.models import CallLog, Recording
from calls.selectors import Filters, presentation
from calls.selectors.doubt import name_of
from tenants.models import Tenant
from tenants.trail.exports import Pages, Row

PAGE = 500
HEADER = (
    *("started", "direction", "status", "from", "to", "contact", "company", "agent"),
    *("talk_seconds", "recorded", "wait_seconds", "missed", "returned", "notes"),
)


def calls_table(tenant: Tenant, filters: Filters) -> tuple[Row, Pages]:
    """(header, pages), newest first. `started` is ISO 8601 in the workspace's time zone."""
    zone = ZoneInfo(tenant.time_zone)

    def pages(before: str) -> tuple[Iterable[Row], str]:
        calls, cursor = selectors.calls_after(tenant, filters=filters, before=before, size=PAGE)
        return [_row(call, zone) for call in calls], cursor

    return HEADER, pages


def _row(call: CallLog, zone: ZoneInfo) -> Row:
    stored = any(one.state == Recording.State.STORED for one in call.recordings.all())
    return (
        call.started_at.astimezone(zone).isoformat(timespec="seconds"),
        call.get_direction_display(),
        presentation.status_word(call.status, call.outcome)[0],
        call.from_number,
        call.to_full,
        name_of(call),
        call.contact.company if call.contact else "",
        str(call.user) if call.user else "",
        "" if call.duration is None else call.duration,
        "yes" if stored else "no",
        "" if call.wait_seconds is None else call.wait_seconds,
        presentation.missed_reason(call.missed) if call.missed else "",
        ("yes" if call.missed_done_at else "no") if call.missed else "",
        call.notes,
    )
