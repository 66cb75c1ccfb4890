"""Recordings: heard, kept as a file, asked for again."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from calls import selectors, tasks
from calls.gateway import stores
from calls.models import Recording
from calls.pages.audio import AWAY, Audio, answer, beyond, part_of, sorry
from calls.services import recordings
from tenants.bricks.access import member_required
from tenants.bricks.gates import Crowded
from tenants.bricks.http import TenantRequest
from tenants.bricks.queueing import queue
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions
from tenants.trail import audit
from tenants.trail.audit import Action, Thing


@require_GET
@login_required
@member_required
@short_transactions
def recording(request: TenantRequest, recording_id: UUID) -> HttpResponseBase:
    """A recording's audio; with `download`, to be kept as a file."""
    with tenant_transaction():
        found = selectors.stored_recording(recording_id)
    if found is None:
        raise Http404
    try:
        recordings.make_sure(found)
    except recordings.Unreadable:
        queue(tasks.fetch_recording, found.tenant_id, found.pk)
        return sorry("We are fetching this recording again.", 404)
    except (stores.StoreAway, Crowded):
        return sorry(AWAY, 503)
    sound = Audio(found.path, "audio/wav", found.size, found.duration or 0)
    part = part_of(request, sound)
    if part is not None and not part:
        return beyond(sound)
    downloads = "download" in request.GET
    action = Action.RECORDING_DOWNLOADED if downloads else Action.RECORDING_PLAYED
    with tenant_transaction():
        audit.record_look(action, on=Thing("recording", found.pk, str(found.call)))
    name = f"call-{found.call.started_at:%Y-%m-%d}-{found.pk.hex[:8]}.wav"
    disposition = f'{"attachment" if downloads else "inline"}; filename="{name}"'
    try:
        return answer(sound, part, disposition=disposition, caching="private, no-store")
    except stores.StoreAway:
        return sorry(AWAY, 503)


@require_POST
@login_required
@member_required
def fetch_again(request: TenantRequest, recording_id: UUID) -> HttpResponse:
    """Ask Twilio again for a recording that was given up, or is waited for."""
    recording = Recording.objects.filter(pk=recording_id).first()
    if recording is None:
        raise Http404
    if recordings.ask_again(Recording.objects.filter(pk=recording.pk)):
        queue(tasks.fetch_recording, recording.tenant_id, recording.pk)
        messages.info(request, "We’re asking Twilio for the recording again.")
    return redirect("call", recording.call_id)
