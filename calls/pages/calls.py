"""Pages that show calls: the history, one call, and a contact with its calls."""

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from calls import selectors
from calls.pages import first_steps, history_rows
from calls.pages.dialer import dialer
from calls.pages.history_filter import asked
from calls.selectors import Filters
from calls.selectors.exporting import calls_table
from calls.selectors.history import MISSED, TO_RETURN
from calls.selectors.limits import was_stopped_lately
from calls.services import whose
from contacts.numbers import display
from contacts.selectors import contact_with_numbers, owner_name
from tenants.bricks.access import export_required, may_export, member_required
from tenants.bricks.http import TenantRequest, toast
from tenants.bricks.ids import read_uuid
from tenants.models import Role
from tenants.trail import audit, exports
from tenants.trail.audit import Action, Thing

MOST_ROWS = 8 * selectors.PAGE_SIZE  # that an open page keeps up to date


@require_GET
@login_required
@member_required
def calls(request: TenantRequest) -> HttpResponse:
    """The calls page; asked by the history itself, only that."""
    wish = asked(request.GET)
    given = wish.given
    context = _history(request, wish.filters, given) | {
        "may_export": may_export(request.member),
        # Asked for by who may, and by the shell alone.
        "export": lambda: _address(reverse("calls_export"), given),
        "export_xlsx": lambda: _address(reverse("calls_export"), {**given, "as": "xlsx"}),
    }
    if _wants_rows(request):
        return _part(request, context)
    context |= {
        "asked": wish,
        # Everything but the direction is behind “Filters”, which says how many of them are set.
        "filter_count": len(given.keys() - {"direction", "q"}),
        "is_filtered": bool(given),
    }
    if not _wants_history(request):
        is_admin = request.member.role == Role.ADMIN
        notice = request.tenant.notice
        context["notice"] = "" if notice == request.member.closed_notice else notice
        context["first_steps"] = first_steps.steps(request)
        context["was_stopped"] = is_admin and was_stopped_lately(now=timezone.now())
        context |= dialer(request)
        return render(request, "calls.html", context)
    response = render(request, "_history.html", context)
    response.headers["HX-Replace-Url"] = _address(request.path, given)
    return response


@require_GET
@login_required
@member_required
def call(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """A call's own page."""
    who = request.GET.get("who", "")[:100]
    found = selectors.call_page(request.tenant, call_id, now=timezone.now(), who=who)
    if found is None:
        raise Http404
    audit.record_look(Action.CALL_VIEWED, on=Thing("call", call_id, found.said))
    # Not `call`, by which the dock knows the call that this browser is in.
    return render(request, "call.html", {"of_call": found, "who": who})


@require_POST
@login_required
@member_required
def choose_contact(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Say with which of several contacts a call is."""
    asked, seen = request.POST.get("contact", ""), read_uuid(request.POST.get("seen", ""))
    contact_id = read_uuid(asked)
    if asked and contact_id is None:
        raise Http404
    here, undo = reverse("call", args=[call_id]), None
    try:
        contact = whose.choose(call_id, contact_id=contact_id, seen=seen, now=timezone.now())
    except LookupError:
        raise Http404 from None
    except whose.ChosenMeanwhile as other:
        tone, said = "info", "Someone has just said that it isn’t known who this was."
        if other.name:
            said = f"Someone has just chosen {other.name}. You can change that on the call page."
    else:
        tone, said = "success", "It isn’t known now who this was."
        if contact:
            said = f"This call is with {contact.name}."
        if contact and contact_id != seen:
            form = {"contact": "" if seen is None else str(seen), "seen": str(contact_id)}
            undo = request.path, form
    if not request.htmx:
        messages.add_message(request, getattr(messages, tone.upper()), said)
        return HttpResponseRedirect(here, status=303)
    # Its row, page and panel are fetched again, also while the live channel is away.
    events = toast(said, tone=tone, undo=undo) | {"live:resync": {}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(events)})


@require_GET
@login_required
@member_required
def contact(request: TenantRequest, contact_id: UUID) -> HttpResponse:
    """A contact's own page, with its calls; asked by these, only them."""
    found = contact_with_numbers(contact_id)
    if found is None:
        raise Http404
    context = _history(request, Filters(contact=found.pk), {}, of_contact=True)
    if _wants_rows(request):
        return _part(request, context)
    context["of_contact"] = found
    context["owner"] = lambda: owner_name(found)
    if _wants_history(request):
        return render(request, "_history.html", context)
    audit.record_look(Action.CONTACT_VIEWED, on=found)
    context["numbers"] = [
        {
            "number": number.full,
            "display": display(number.full, request.tenant.country),
            "label": number.label,
        }
        for number in found.numbers.all()
    ]
    return render(request, "contact.html", context)


@require_GET
@login_required
@export_required
def export_calls(request: TenantRequest) -> HttpResponseBase:
    """The filtered history as a file."""
    if refusal := exports.refused(request):
        return refusal
    wish = asked(request.GET)
    audit.record(Action.CALLS_EXPORTED, filters=urlencode(wish.given))
    header, pages = calls_table(request.tenant, wish.filters)
    return exports.download(request, name="calls", header=header, pages=pages)


def _history(
    request: TenantRequest, filters: Filters, given: dict[str, str], *, of_contact: bool = False
) -> dict[str, Any]:
    """What `_history.html` needs: the page of calls, and the addresses of its links."""
    before, here = request.GET.get("before", ""), request.path
    page = selectors.history(
        request.tenant,
        now=timezone.now(),
        filters=filters,
        before=before,
        size=_rows_asked(request),
        is_counted=not (before and _wants_rows(request)),
    )
    drawn = history_rows.draw(page.rows, request, of_contact=of_contact)
    return {
        "history": page,
        "drawn": drawn,
        "rows": history_rows.joined(drawn),
        "total": f"{page.total_display} call{'' if page.total_display == '1' else 's'}",
        "before": before,
        "page_size": selectors.PAGE_SIZE,
        "most_rows": MOST_ROWS,
        "direction": filters.direction,
        "here": _address(here, given),
        "more": _address(here, given | {"before": page.next_cursor}),
        "directions": lambda: _directions(here, given),
        "to_return": f"{page.to_return} to return" if page.to_return else "",
        "to_return_url": "" if of_contact else _address(here, given | {"direction": TO_RETURN}),
    }


def _directions(path: str, given: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    """(value, label, address with the other filters) of each."""
    rest = {name: value for name, value in given.items() if name != "direction"}
    return tuple(
        (value, label, _address(path, ({"direction": value} if value else {}) | rest))
        for value, label in _DIRECTIONS
    )


_DIRECTIONS = (("", "All"), ("inbound", "Inbound"), ("outbound", "Outbound"), (MISSED, "Missed"))


def _part(request: TenantRequest, context: dict[str, Any]) -> HttpResponse:
    """What the open history of `context` asks for: more rows, or what has changed of those that it
    shows; 204 when nothing has.
    """
    if "before" not in request.GET:
        text = request.GET.get("seen", "")
        seen = text.split(".")[:MOST_ROWS] if text else []
        rows = history_rows.news(context["drawn"], seen)
        counts = [request.GET.get("total"), request.GET.get("open", context["to_return"])]
        has_same = counts == [context["total"], context["to_return"]]
        if has_same and rows == history_rows.same(seen):
            return HttpResponse(status=204)
        context |= {"rows": rows, "is_news": True}
    return HttpResponse(get_template("_history_part.html").render(context))


def _rows_asked(request: TenantRequest) -> int:
    """An open page has as many looked at again as it shows."""
    text = request.GET.get("rows", "")
    rows = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    return min(max(rows, selectors.PAGE_SIZE), MOST_ROWS)


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _wants_history(request: TenantRequest) -> bool:
    return bool(request.htmx) and "history" in (request.htmx.target or "")


def _wants_rows(request: TenantRequest) -> bool:
    """Of a history that stands there already."""
    return bool(request.htmx) and request.htmx.target == "tbody#history_rows"
