"""The agent's side of calls that come in: whether they take any, what rings, and what they do about
it. Views parse, act, render.
"""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from calls import tasks
from calls.facts.inbound.queues import Availability
from calls.facts.refusals import Refusal
from calls.models import CallLog
from calls.selectors import knocks, ringing
from calls.services.inbound import availability as chosen
from calls.services.inbound import knocking, offers
from tenants.bricks.access import admin_required, member_required
from tenants.bricks.http import TenantRequest
from tenants.bricks.ids import read_uuid

_MOST_SHOWN = 20  # calls that one receipt names


@require_POST
@login_required
@member_required
def availability(request: TenantRequest) -> HttpResponse:
    """The agent chooses, by the control in the sidebar."""
    wanted = request.POST.get("availability", "")
    if wanted not in ringing.AVAILABILITIES:
        return _control(request, wrong="Choose one from the list.", status=422)
    chosen.choose(request.member, Availability(wanted), now=timezone.now())
    _tend(request)
    return _control(request) if request.htmx else redirect(_back(request))


def _control(request: TenantRequest, *, wrong: str = "", status: int = 200) -> HttpResponse:
    context = {**_own(request), "wrong": wrong}
    return render(request, "_availability.html", context, status=status)


def _back(request: TenantRequest) -> str:
    """The page of ours where the control was, of a browser without scripts."""
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()})
    return urlsplit(came_from).path if is_ours and urlsplit(came_from).path else "calls"


@require_POST
@login_required
@member_required
def seen(request: TenantRequest) -> HttpResponse:
    """A page of the agent's is there, and shows that these calls ring (`call`)."""
    now = timezone.now()
    shown = [read_uuid(text) for text in request.POST.getlist("call")[:_MOST_SHOWN]]
    calls = [call_id for call_id in shown if call_id]
    if calls:
        offers.confirm(request.member, calls, now=now)
    if chosen.note_seen(request.member, now=now):
        _tend(request)
    return HttpResponse(status=204)


@require_GET
@login_required
@member_required
def incoming(request: TenantRequest) -> HttpResponse:
    """What rings at the agent, and what they have chosen to be."""
    return render(request, "_rings.html", _rings(request))


@require_POST
@login_required
@member_required
def answer(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """The agent takes a call: `request` is what their browser connects with. 409: somebody else
    has, or it is over; the error says who.
    """
    try:
        room = offers.claim(request.member, call_id, now=timezone.now())
        if ringing.talks_in(room, request.member.user_id):
            raise Refusal("answered_elsewhere", "You’ve answered this call in another window.")
    except Refusal as refusal:
        _must_be_ours(call_id)
        return _refused(refusal, 409)
    _tend(request)
    return JsonResponse({"request": str(room)})


@require_POST
@login_required
@member_required
def decline(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Not I: it rings on at the others. What has ended meanwhile needs no word."""
    _must_be_ours(call_id)
    offers.decline(request.member, call_id, now=timezone.now())
    _tend(request)
    return render(request, "_rings.html", _rings(request))


@require_POST
@login_required
@member_required
def push(request: TenantRequest) -> HttpResponse:
    """This browser may be told of callers while none of its pages is open (static/js/push.js)."""
    said = {name: request.POST.get(name, "") for name in ("endpoint", "p256dh", "auth")}
    session = request.session.session_key or ""
    try:
        knocking.subscribe(request.member, session=session, now=timezone.now(), **said)
    except Refusal as refusal:
        return _refused(refusal, 404 if refusal.code == "not_found" else 422)
    return HttpResponse(status=204)


@require_GET
@login_required
@member_required
def knocked(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Where a notification leads: to the page where the call rings or is said to be over."""
    said = knocks.what_became_of(call_id)
    if said is None:
        raise Http404
    if said:
        messages.info(request, said)
    return redirect("calls")


@require_GET
@login_required
@admin_required
def presence(request: TenantRequest) -> HttpResponse:
    """What the list of members says of each, anew."""
    words = ringing.presences(now=timezone.now())
    return render(request, "_presences.html", {"presences": words})


def _refused(refusal: Refusal, status: int) -> JsonResponse:
    error = {"code": refusal.code, "message": refusal.message, "details": refusal.details}
    return JsonResponse({"error": error}, status=status)


def _tend(request: TenantRequest) -> None:
    """Something has changed for the agent: the groups that it concerns, on commit."""
    tasks.tend_agent(request.tenant.pk, request.member.user_id)


def _must_be_ours(call_id: UUID) -> None:
    if not CallLog.objects.filter(pk=call_id).exists():
        raise Http404


def _own(request: TenantRequest) -> dict[str, Any]:
    own = ringing.own(request.member.user_id)
    return {"own": own, "availabilities": ringing.AVAILABILITIES}


def _rings(request: TenantRequest) -> dict[str, Any]:
    found = ringing.incoming(request.tenant, request.member.user_id, now=timezone.now())
    return {**_own(request), "incoming": found}
