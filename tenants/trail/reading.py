"""Reads of the audit trail: filtered, newest first, page by page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http import QueryDict

from tenants.models import AuditEntry, Membership, Tenant
from tenants.trail.audit import Action
from tenants.trail.exports import Pages, Row

PAGE = 50
EXPORT_PAGE = 500
OUTSIDE = "outside"  # as a person to filter by: whoever is no member, and what runs by itself
HEADER = ("at", "who", "address", "action", "object_type", "object_id", "object", "details")


class TrailFilter(forms.Form):
    """From the query string. What is wrong is left out, and said."""

    person = forms.ChoiceField(required=False, error_messages={"invalid_choice": "Unknown person."})
    action = forms.ChoiceField(
        choices=[("", "Anything"), *Action.choices],
        required=False,
        error_messages={"invalid_choice": "Unknown action."},
    )
    day = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "Enter a day like 2026-11-22."},
        validators=[
            MinValueValidator(datetime(1970, 1, 1).date(), "No entries on that date."),
            MaxValueValidator(datetime(9999, 12, 30).date(), "No entries on that date."),
        ],
    )

    def __init__(self, query: QueryDict) -> None:
        super().__init__(query, auto_id="trail_%s")
        members = Membership.objects.select_related("user").order_by("user__name", "id")
        person: Any = self.fields["person"]
        person.choices = [
            ("", "Anyone"),
            *((str(member.user_id), str(member.user)) for member in members),
            (OUTSIDE, "Operator and system"),
        ]

    def given(self) -> dict[str, str]:
        """What makes sense of the query, as it was given."""
        self.is_valid()
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}


@dataclass(frozen=True)
class Line:
    iso: str
    shown: str
    who: str
    address: str
    action: str
    thing: str
    details: str


def entries(tenant: Tenant, form: TrailFilter) -> QuerySet[AuditEntry]:
    """Those that the (judged) form asks for; a day is the workspace's."""
    asked: dict[str, Any] = form.cleaned_data
    found: QuerySet[AuditEntry] = AuditEntry.objects.all()
    if person := asked.get("person"):
        members = Membership.objects.values("user_id")
        outside = Q(person=None) | ~Q(person__in=members)
        found = found.filter(outside if person == OUTSIDE else Q(person=UUID(person)))
    if action := asked.get("action"):
        found = found.filter(action=action)
    if day := asked.get("day"):
        zone = ZoneInfo(tenant.time_zone)
        since = datetime.combine(day, time(), zone)
        until = datetime.combine(day + timedelta(days=1), time(), zone)
        found = found.filter(at__gte=since, at__lt=until)
    return found


def page(
    found: QuerySet[AuditEntry], before: str, size: int = PAGE
) -> tuple[Sequence[AuditEntry], str]:
    """(entries after the cursor `before`, the next cursor or "")."""
    if cursor := _read_cursor(before):
        at, entry_id = cursor
        # The first condition is the range that the index walks, the second cuts its first moment.
        found = found.filter(at__lte=at).exclude(at=at, id__gte=entry_id)
    rows = list(found.order_by("-at", "-id")[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    return rows, f"{rows[-1].at.isoformat()}~{rows[-1].pk}" if more else ""


def line(entry: AuditEntry, zone: ZoneInfo) -> Line:
    local = entry.at.astimezone(zone)
    return Line(
        iso=entry.at.isoformat(),
        shown=f"{local.day} {local:%b %Y, %H:%M:%S}",
        who=entry.name,
        address=entry.address or "",
        action=label(entry.action),
        thing=entry.object_label,
        details=said(entry.details),
    )


def label(action: str) -> str:
    """In words; one of tomorrow as it is spelt."""
    return Action(action).label if action in Action.values else action


def said(details: dict[str, Any]) -> str:
    """`role: agent → admin; rows: 12`."""
    return "; ".join(
        f"{name.replace('_', ' ')}: "
        + (" → ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in details.items()
    )


def trail_table(found: QuerySet[AuditEntry], zone: ZoneInfo) -> tuple[Row, Pages]:
    def pages(before: str) -> tuple[Iterable[Row], str]:
        rows, cursor = page(found, before, EXPORT_PAGE)
        return [row(entry, zone) for entry in rows], cursor

    return HEADER, pages


def row(entry: AuditEntry, zone: ZoneInfo) -> Row:
    """In the order of `HEADER`; the time is ISO 8601 in `zone`."""
    return (
        entry.at.astimezone(zone).isoformat(timespec="seconds"),
        entry.name,
        entry.address or "",
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.object_label,
        said(entry.details),
    )


def _read_cursor(text: str) -> tuple[datetime, UUID] | None:
    at, _, entry_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), UUID(entry_id)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
