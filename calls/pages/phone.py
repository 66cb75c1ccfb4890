"""What the phone asks for: the wish to call, its panel, a ticket, a recording. Views parse, act,
render.
"""

import json
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from calls import selectors
from calls.facts.refusals import Refusal
from calls.pages.dialer import caller_id
from calls.services import dialing, guarding
from tenants.bricks import live
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest
from tenants.bricks.ids import read_uuid

_REMEMBERED = 5  # wishes to call of one session whose panels can still be drawn


@require_POST
@login_required
@member_required
def dial(request: TenantRequest) -> HttpResponse:
    """Check whom the agent wishes to call; if that can be called, the shim connects and dials."""
    typed, contact_id = request.POST.get("q", "").strip(), request.POST.get("contact_id", "")
    try:
        target = dialing.choose_target(
            request.tenant,
            # A chosen contact stands in the field by its name.
            to=request.POST.get("to", "") if contact_id else typed,
            contact_id=_contact_id(contact_id),
        )
        caller = caller_id(request)
        guarding.check_call(request.tenant, agent=request.member, number=target.number)
    except Refusal as refusal:
        guarding.note_stop(request.member, refusal, number=request.POST.get("to", "") or typed)
        wrong = "dial_from" if refusal.code == "no_caller_id" else "dial_q"
        context = {"form_error": refusal.message, "wrong": wrong, "q": typed}
        return render(request, "_dialer.html", context, status=422)
    wish: dict[str, Any] = {
        "clientRequestId": str(uuid4()),
        "contactId": str(target.contact.pk) if target.contact else None,
        "to": target.full,
        "name": target.name,
        "fromNumberId": str(caller.pk),
    }
    _remember(request, wish)
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"phone:dial": wish})})


def _contact_id(text: str) -> UUID | None:
    found = read_uuid(text)
    if text and found is None:
        raise Refusal("contact_not_found", "This contact no longer exists.")
    return found


def _remember(request: TenantRequest, wish: dict[str, Any]) -> None:
    """Keep whom a wish names: the panel shows it before there is a call to read it from."""
    wishes = request.session.get("wishes", [])
    kept = {name: wish[name] for name in ("clientRequestId", "to", "name")}
    request.session["wishes"] = [kept, *wishes][:_REMEMBERED]


@require_GET
@login_required
@member_required
def active_call(request: TenantRequest) -> HttpResponse:
    """The panel of a call (`request`), else of the one this agent is in by another page or was
    lost from, else none.
    """
    client_request_id = read_uuid(request.GET.get("request", ""))
    if client_request_id is None:
        live = selectors.live_call(request.member.user_id)
        if live is None or live.conference is None:
            return HttpResponse(status=204)
        client_request_id = live.conference.client_request_id
    wish = next(
        (
            wish
            for wish in request.session.get("wishes", [])
            if wish["clientRequestId"] == str(client_request_id)
        ),
        {"to": "", "name": ""},
    )
    call = selectors.active_call(
        request.tenant,
        user_id=request.member.user_id,
        client_request_id=client_request_id,
        now=timezone.now(),
        error=request.GET.get("error", "")[:40],
        name=wish["name"],
        number=wish["to"],
    )
    return render(request, "_active_call.html", {"call": call})


@require_POST
@login_required
@member_required
def live_ticket(request: TenantRequest) -> HttpResponse:
    """A short ticket with which this page may listen to its tenant's live channel."""
    return JsonResponse({"ticket": live.make_ticket(request.tenant.pk, request.user.pk)})
