"""What people say of calls that came in: that a missed one is done, that a voicemail was heard,
that a number is blocked.
"""

import json
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from calls.models import BlockedCaller
from calls.pages.forms import BlockForm, NoteForm
from calls.services import blocking, missed, voicemail
from contacts.numbers import display
from tenants.bricks.access import admin_required, member_required
from tenants.bricks.http import TenantRequest, Undo, see_other, toast
from tenants.bricks.ids import read_uuid
from tenants.bricks.texts import storable

MOST_BLOCKED = 500  # that are listed


@require_POST
@login_required
@member_required
def missed_done(request: TenantRequest) -> HttpResponse:
    """Say that a missed call is done, and with it all of its number; with `undo` that it is not."""
    call_id, undo = read_uuid(request.POST.get("call", "")), "undo" in request.POST
    if call_id is None:
        raise Http404
    try:
        act = missed.reopen if undo else missed.mark_done
        count = act(call_id, now=timezone.now())
    except LookupError:
        raise Http404 from None
    what = "1 missed call" if count == 1 else f"{count} missed calls"
    if not count:
        return _said(request, call_id, "Someone has just done that.", tone="info")
    if undo:
        return _said(request, call_id, f"{what} to return.")
    back = request.path, {"call": str(call_id), "undo": "1"}
    return _said(request, call_id, f"{what} marked as done.", undo=back)


def _said(
    request: TenantRequest,
    call_id: UUID,
    text: str,
    *,
    tone: str = "success",
    undo: Undo | None = None,
) -> HttpResponse:
    """Rows, counts and page are fetched again, also while the live channel is away."""
    if not request.htmx:
        messages.add_message(request, getattr(messages, tone.upper()), text)
        return HttpResponseRedirect(reverse("call", args=[call_id]), status=303)
    events = toast(text, tone=tone, undo=undo) | {"live:resync": {}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(events)})


@require_POST
@login_required
@member_required
def heard(request: TenantRequest, recording_id: UUID) -> HttpResponse:
    """A voicemail sounds at somebody of the workspace: the player says so."""
    if not voicemail.note_heard(recording_id, by=request.member, now=timezone.now()):
        raise Http404
    return HttpResponse(status=204)


@require_POST
@login_required
@member_required
def block(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Block the number of a call that came in. Everyone may, as whoever is called is asked by
    nobody; to take it back is for admins.
    """
    try:
        number = blocking.number_of(call_id)
    except LookupError:
        raise Http404 from None
    form, shown = NoteForm(request.POST), display(number, request.tenant.country)
    if not form.is_valid():
        return _said(request, call_id, "Not blocked: the reason is too long.", tone="error")
    is_new = blocking.block(number, form.cleaned_data["note"])
    said = f"{shown} is blocked." if is_new else f"{shown} is blocked already."
    return _said(request, call_id, said, tone="success" if is_new else "info")


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def blocked_callers(request: TenantRequest) -> HttpResponse:
    """Who is rejected, and why: add one, or unblock one (`unblock`)."""
    here, country = reverse("blocked_callers"), request.tenant.country
    if "unblock" in request.POST:
        number = storable(request.POST["unblock"])
        if not blocking.unblock(number):
            raise Http404
        return see_other(request, here, f"{display(number, country)} can call again.")
    form = BlockForm(request.POST if request.method == "POST" else None, country=country)
    if form.is_bound and form.is_valid():
        number = form.cleaned_data["number"]
        if blocking.block(**form.cleaned_data):
            return see_other(request, here, f"{display(number, country)} is blocked.")
        form.add_error("number", "This number is blocked already.")
    rows = [
        {"blocked": each, "display": display(each.number, country)}
        for each in BlockedCaller.objects.all()[: MOST_BLOCKED + 1]
    ]
    context = {"form": form, "rows": rows[:MOST_BLOCKED], "has_more": len(rows) > MOST_BLOCKED}
    return render(request, "blocked_callers.html", context, status=422 if form.is_bound else 200)
