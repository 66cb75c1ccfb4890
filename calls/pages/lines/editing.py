"""Forms of lines, groups, menus and voicemail boxes: what they share, and their routes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from calls import tasks
from calls.facts.inbound.plans import Go, Target
from calls.models import Group, Line
from calls.pages.lines import drafts
from calls.pages.lines.block_facts import beginning, facts_of
from calls.pages.lines.block_forms import FORMS, BlockForm
from calls.pages.lines.fields import NAMES, PlanForm, data_of
from calls.pages.lines.line_form import LineForm, data_of_line, facts_of_line
from calls.pages.lines.offering import offered
from calls.pages.lines.sounds import show_new
from calls.selectors.plans import TABLES, block_of, plan_of, uses_of
from calls.services.inbound import saving
from contacts.numbers import display
from tenants.bricks import merging
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.ids import read_uuid
from tenants.bricks.places import time_zones

TEMPLATES = {
    Go.GROUP: "group_form.html",
    Go.MENU: "menu_form.html",
    Go.VOICEMAIL: "box_form.html",
}
_MARKED = "Check the fields marked below."


@dataclass(frozen=True)
class Heading:
    """Of a form: what it is of, and where *Cancel* leads."""

    title: str
    back: str
    template: str


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def line_edit(request: TenantRequest, line_id: UUID) -> HttpResponseBase:
    """A line's own part of its plan."""
    is_sent = request.method == "POST"
    if is_sent:
        saving.lock(request.tenant.pk)
    line = Line.objects.select_related("number").filter(pk=line_id).first()
    if line is None:
        raise Http404
    change, choices = request.POST.get("change", ""), offered(request.tenant)
    now = plan_of(line)
    theirs = facts_of_line(now)
    back = reverse("line", args=[line.pk])
    number = display(line.number.number, request.tenant.country)
    heading = Heading(number, back, "line_form.html")
    made_of = request.POST.get("made_of", "") or merging.written(theirs)
    data = request.POST if is_sent else data_of_line(theirs)
    form = LineForm(data, offered=choices, judges=is_sent, change=change)
    if form.is_bound and form.is_valid():
        if wanted := form.wanted():
            return _make_first(request, wanted, heading.title)
        merge = merging.merge(merging.read(made_of, theirs), theirs, form.facts(now))
        form = LineForm(data_of_line(merge.values), offered=choices)
        form.full_clean()
        form.ask(merge, theirs)
        if merge.clashes:
            made_of = merging.written(theirs)
        if form.is_valid():
            try:
                saving.save_line(line, form.plan(now))
            except saving.WouldLoseCallers as error:
                form.refuse(error.problems, error.elsewhere)
            else:
                return see_other(request, back, f"The line {number} is saved.")
    return _shown(request, form, heading, made_of, {"time_zones": time_zones()})


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def block_new(request: TenantRequest, kind: str) -> HttpResponseBase:
    """A new group, menu or voicemail box."""
    return _block(request, Go(kind), None)


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def block(request: TenantRequest, kind: str, block_id: str) -> HttpResponseBase:
    """A group, menu or voicemail box."""
    return _block(request, Go(kind), block_id)


def _block(request: TenantRequest, go: Go, block_id: str | None) -> HttpResponseBase:
    is_sent = request.method == "POST" and request.POST.get("change") != "begin"
    waiting = drafts.read(request.POST)
    if request.POST.get("change") == "leave" and waiting:
        return _gone_on(request, waiting, "")
    if is_sent:
        saving.lock(request.tenant.pk)
    row: Any = None
    if block_id:
        row = _row(go, block_id)
    choices = offered(request.tenant)
    theirs = _facts_of_row(row) if row else {}
    made_of = request.POST.get("made_of", "") or merging.written(theirs)
    begun = data_of(theirs) if row else beginning(go, choices)
    given: dict[str, Any] = {"offered": choices, "this": row is None}
    form = FORMS[go](
        request.POST if is_sent else begun,
        judges=is_sent,
        change=request.POST.get("change", "") if is_sent else "",
        **given,
    )
    title = row.name if row else f"New {NAMES[go]}"
    heading = Heading(title, reverse("lines"), TEMPLATES[go])
    if form.is_bound and form.is_valid():
        if wanted := form.wanted():
            return _make_first(request, wanted, heading.title)
        key = row.pk.hex if row else saving.new_id()
        if row:
            merge = merging.merge(merging.read(made_of, theirs), theirs, form.facts(key))
            form = FORMS[go](data_of(merge.values), **given)
            form.full_clean()
            form.ask(merge, theirs)
            if merge.clashes:
                made_of = merging.written(theirs)
        if form.is_valid() and _kept(request.tenant.pk, form, go, key):
            if waiting:
                return _gone_on(
                    request, waiting, key if "box" == waiting[-1].field else f"{go}:{key}"
                )
            said = f"{form.cleaned_data['name']} is saved."
            return see_other(request, reverse("lines"), said)
    used = uses_of(Target(go, row.pk.hex)) if row else []
    return _shown(request, form, heading, made_of, {"row": row, "kind": go.value, "used": used})


def _row(go: Go, block_id: str) -> Any:
    row = TABLES[go].objects.filter(pk=read_uuid(block_id)).first()
    if row is None:
        raise Http404
    return row


def _kept(tenant_id: UUID, form: BlockForm, go: Go, key: str) -> bool:
    """Whether what a valid form says could be saved; else the form says why not."""
    name = form.cleaned_data["name"]
    if TABLES[go].objects.filter(name=name).exclude(pk=UUID(key)).exists():
        form.add_error("name", f"Another {NAMES[go]} has this name. Choose a different one.")
        return False
    takes = form.cleaned_data.get("takes_new_members", False)
    try:
        saving.save_block(form.block(key), takes_new_members=takes)
    except saving.WouldLoseCallers as error:
        form.refuse(error.problems, error.elsewhere)
        return False
    if go == Go.GROUP:  # for who waits there
        tasks.tend_groups(tenant_id, [UUID(key)])
    return True


def _facts_of_row(row: Any) -> dict[str, Any]:
    facts = facts_of(block_of(row))
    if isinstance(row, Group):
        facts["takes_new_members"] = row.takes_new_members
    return facts


@require_POST
@login_required
@admin_required
def block_remove(request: TenantRequest, kind: str, block_id: str) -> HttpResponse:
    """Remove a group, menu or voicemail box that nothing uses."""
    saving.lock(request.tenant.pk)
    row = _row(Go(kind), block_id)
    name = row.name
    try:
        saving.remove_block(row)
    except saving.InUse as error:
        context = {
            "wrong": str(error),
            "name": name,
            "back": reverse("block", args=[kind, block_id]),
        }
        return render(request, "in_use.html", context, status=422)
    return see_other(request, reverse("lines"), f"{name} is removed.")


# --- forms that wait ---------------------------------------------------------------------------


def _make_first(request: TenantRequest, wanted: tuple[str, str], title: str) -> HttpResponseBase:
    """The form of what shall be made first; this one waits."""
    field, what = wanted
    waiting = drafts.waiting(request, field, title)
    path = reverse("sound_new") if what == "sound" else reverse("block_new", args=[what])
    begins = data_of({drafts.FIELD: drafts.written(waiting), "change": "begin"})
    drafts.send_on(request, path, begins)
    if what == "sound":
        return show_new(request)
    return _block(request, Go(what), None)


def _gone_on(request: TenantRequest, waiting: list[drafts.Draft], value: str) -> HttpResponseBase:
    return drafts.go_on(request, waiting, value) or see_other(request, reverse("lines"))


def _shown(
    request: TenantRequest, form: PlanForm, heading: Heading, made_of: str, more: dict[str, Any]
) -> HttpResponse:
    waiting = drafts.read(request.POST)
    marked = [name for name in form.errors if name != "__all__"]
    context = {
        "form": form,
        "made_of": made_of,
        "heading": heading,
        "action": request.path,
        "drafts": drafts.written(waiting),
        "waiting": waiting[-1] if waiting else None,
        "wrong": [*form.non_field_errors(), *[_MARKED] * bool(marked)],
        **more,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, heading.template, context, status=status)
