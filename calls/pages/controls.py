"""What an agent does to the call they are in, from whichever of their pages: end it, come back; and
what their page has to say of it.
"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from calls import selectors, tasks
from calls.models import Conference
from calls.models.rooms import OPEN
from calls.pages.forms import LostSoundForm
from calls.selectors.doubt import name_of
from calls.services.extensions import tones_to_send
from calls.services.rooms import findings
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest
from tenants.bricks.ids import read_uuid


@require_POST
@login_required
@member_required
def end_call(request: TenantRequest) -> HttpResponse:
    """The agent has pressed End call: nobody is waited for any more. Asking twice is no error."""
    room = _room(request)
    if room is not None:
        _tend(findings.ask_end(room))
    return HttpResponse(status=204)


def end_calls_of(user_id: UUID) -> None:
    """Of a member who is deactivated, if so it was asked for."""
    for room in Conference.objects.filter(OPEN, agent_id=user_id):
        _tend(findings.ask_end(room))


@require_POST
@login_required
@member_required
def sound_lost(request: TenantRequest) -> HttpResponse:
    """The agent's page has lost the way of the sound and lives, unlike one that is just gone."""
    form = LostSoundForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    room, user_id = _room(request), request.member.user_id
    number, ago = form.cleaned_data["number"], timedelta(milliseconds=form.cleaned_data["ago"])
    if room is not None:
        at = timezone.now() - ago
        _tend(findings.note_lost_sound(room, user_id, number=number, at=at))
    return HttpResponse(status=204)


@require_POST
@login_required
@member_required
def rejoin(request: TenantRequest) -> HttpResponse:
    """The agent was lost and comes back: this page's browser connects to the same room again.

    The shim's request to dial is then a repetition of the first one, which rings nobody; of a call
    that came in it makes none.
    """
    request_id = _request_id(request)
    call = selectors.live_call(request.member.user_id, client_request_id=request_id)
    if call is None:
        over = {
            "toast": {"text": "This call is over.", "tone": "info"},
            "phone:changed": {"request": str(request_id)},
        }
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(over)})
    wish: dict[str, Any] = {
        "clientRequestId": str(request_id),
        "contactId": None,
        "to": call.other_full,
        "name": name_of(call),
        "rejoin": True,
    }
    if call.direction == call.Direction.INBOUND:
        wish["answers"] = True
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"phone:dial": wish})})


@require_POST
@login_required
@member_required
def extension(request: TenantRequest) -> HttpResponse:
    """The tones that this agent's browser is to send now: of one that asks again none."""
    tones = tones_to_send(
        request.member.user_id, client_request_id=_request_id(request), now=timezone.now()
    )
    return JsonResponse({"digits": tones})


def _tend(room: Conference | None) -> None:
    """A room for which something is now to be done."""
    if room is not None:
        tasks.tend_now(room.tenant_id, room.pk)


def _room(request: TenantRequest) -> Conference | None:
    """The agent's own room of the request that is named. Raises `Http404` when none is."""
    return Conference.objects.filter(
        agent_id=request.member.user_id, client_request_id=_request_id(request)
    ).first()


def _request_id(request: TenantRequest) -> UUID:
    found = read_uuid(request.POST.get("request"))
    if found is None:
        raise Http404
    return found
