"""The workspace's lines, and the whole of one: its plan as a tree, and what happens to a call."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from calls.facts.inbound import hours, telling
from calls.facts.inbound.languages import LANGUAGES
from calls.facts.inbound.plans import Plan, begin
from calls.models import Group, Line, Menu, Sound, VoicemailBox
from calls.pages.lines.fields import Day
from calls.selectors.plans import TABLES, all_plans, plan_of
from calls.services.inbound import saving
from contacts.numbers import display
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.places import zone_name

LONGEST_CLOSED = timedelta(days=370)


@dataclass(frozen=True)
class Row:
    """A line in a list of them."""

    id: UUID
    number: str
    label: str
    is_open: bool
    state: str
    goes: str
    closed_until: datetime | None  # by hand


class ClosingForm(forms.Form):
    """Until when a line shall be closed: one of what is offered, or a moment in its own zone."""

    until = forms.ChoiceField(
        choices=[("hour", ""), ("today", ""), ("chosen", "")],
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose until when."),
    )
    day = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "Enter a day like 2026-12-24."},
    )
    clock = forms.TimeField(
        required=False,
        input_formats=["%H:%M"],
        error_messages={"invalid": "Enter a time like 9:00."},
    )

    def moment(self, zone: ZoneInfo, now: datetime) -> datetime | None:
        """Of a valid form; None: the form says what is wrong."""
        given, local = self.cleaned_data, now.astimezone(zone)
        if given["until"] == "hour":
            return now + timedelta(hours=1)
        if given["until"] == "today":
            return datetime.combine(local.date() + timedelta(days=1), time(), zone)
        if not given["day"]:
            self.add_error("day", "Enter the day on which it opens again.")
            return None
        until = datetime.combine(given["day"], given["clock"] or time(), zone)
        if not now < until < now + LONGEST_CLOSED:
            late = "Choose a day within a year." if until > now else "That is over already."
            self.add_error("day", late)
            return None
        return until


class MomentForm(forms.Form):
    """When somebody might call."""

    day = Day()
    clock = forms.TimeField(
        input_formats=["%H:%M"],
        error_messages=dict.fromkeys(("required", "invalid"), "Enter a time like 10:00."),
    )


@require_GET
@login_required
@admin_required
def lines(request: TenantRequest) -> HttpResponse:
    """All lines, and the blocks that they are made of."""
    now, country = timezone.now(), request.tenant.country
    return render(
        request,
        "lines.html",
        {
            "lines": [_row(line, plan, now, country) for line, plan in all_plans()],
            "groups": _groups(),
            "menus": list(Menu.objects.all()),
            "boxes": list(VoicemailBox.objects.all()),
            "sounds": list(Sound.objects.all()),
        },
    )


def _groups() -> list[dict[str, Any]]:
    rows = Group.objects.prefetch_related("members")
    return [{"row": row, "members": len(row.members.all())} for row in rows]


def _row(line: Line, plan: Plan, now: datetime, country: str) -> Row:
    is_open, _, target = begin(plan, now)
    state = telling.state(plan, now)
    until = line.closed_until if line.closed_until and line.closed_until > now else None
    return Row(
        line.pk,
        display(line.number.number, country),
        line.number.label,
        is_open,
        state[:1].upper() + state[1:],
        telling.title(plan, target),
        until,
    )


@require_GET
@login_required
@admin_required
def line(request: TenantRequest, line_id: UUID) -> HttpResponse:
    """One line. With `day` and `clock`: what happens to a call at that moment, in its zone."""
    found = _line(line_id)
    is_asked = "day" in request.GET or "clock" in request.GET
    return _shown(request, found, MomentForm(request.GET if is_asked else None), ClosingForm())


@require_POST
@login_required
@admin_required
def line_closing(request: TenantRequest, line_id: UUID) -> HttpResponse:
    """Close a line until a moment, or open it again. `was` is what the page showed."""
    saving.lock(request.tenant.pk)
    found = _line(line_id)
    back = reverse("line", args=[line_id])
    form = ClosingForm(request.POST)
    number = display(found.number.number, request.tenant.country)
    if request.POST.get("was", "") != shown_until(found):
        form.is_valid()
        form.add_error(None, "Someone closed or opened this line in the meantime. Look again.")
    elif request.POST.get("do") == "open":
        saving.open_again(found)
        return see_other(request, back, f"{number} follows its hours again.")
    elif form.is_valid():
        until = form.moment(ZoneInfo(found.hours["zone"]), timezone.now())
        if until is not None:
            saving.close(found, until)
            return see_other(request, back, f"{number} is closed.")
    return _shown(request, found, MomentForm(), form, status=422)


def shown_until(line: Line) -> str:
    return line.closed_until.isoformat() if line.closed_until else ""


def _line(line_id: UUID) -> Line:
    found = Line.objects.select_related("number").filter(pk=line_id).first()
    if found is None:
        raise Http404
    return found


def _shown(
    request: TenantRequest, line: Line, asked: MomentForm, closing: ClosingForm, status: int = 200
) -> HttpResponse:
    now, plan = timezone.now(), plan_of(line)
    zone = ZoneInfo(plan.hours.zone)
    at = now
    if asked.is_bound and asked.is_valid():
        given = asked.cleaned_data
        at = datetime.combine(given["day"], given["clock"], zone)
    elif asked.is_bound:
        status = 422
    local = at.astimezone(zone)
    context = {
        "line": line,
        "row": _row(line, plan, now, request.tenant.country),
        "language": LANGUAGES.get(plan.language, plan.language),
        "zone": zone_name(plan.hours.zone),
        "hours": hours.summary(plan.hours),
        "special": _special(plan, local.date()),
        "tree": telling.tree(plan),
        "blocks": list(TABLES),
        "story": _parts(telling.story(plan, at)),
        "asked": asked,
        "day": asked.data.get("day") or f"{local:%Y-%m-%d}",
        "clock": asked.data.get("clock") or f"{local:%H:%M}",
        "is_now": at == now,
        "closing": closing,
        "was": shown_until(line),
    }
    return render(request, "line.html", context, status=status)


def _parts(story: list[str]) -> list[tuple[str, list[str]]]:
    """Its sentences below the blocks that they are about."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for sentence in story:
        if sentence.endswith(":"):
            parts.append((sentence.removesuffix(":"), []))
        else:
            parts[-1][1].append(sentence)
    return parts


def _special(plan: Plan, today: Any) -> list[str]:
    """Closed days and one-off openings that are ahead, in words."""
    ahead = [
        (each.first, _days(each.first, each.last), "closed", each.name)
        for each in plan.hours.closed
        if each.last >= today
    ] + [
        (each.day, _days(each.day, each.day), ", ".join(map(str, each.intervals)), each.name)
        for each in plan.hours.openings
        if each.day >= today
    ]
    return [
        f"{days}: {what}" + (f" ({name})" if name else "") for _, days, what, name in sorted(ahead)
    ]


def _days(first: Any, last: Any) -> str:
    begins = f"{first.day} {first:%b %Y}"
    return begins if first == last else f"{begins} – {last.day} {last:%b %Y}"
