"""Recordings: heard, kept as a file, asked for again."""

import re
from typing import Any, BinaryIO
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from calls import selectors, tasks
from calls.models import Recording
from calls.services import recordings
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest
from tenants.bricks.queueing import queue
from tenants.trail import audit
from tenants.trail.audit import Action, Thing


@require_GET
@login_required
@member_required
def recording(request: TenantRequest, recording_id: UUID) -> HttpResponseBase:
    """A recording's audio, whole or one byte range of it; with `download`, to be kept as a file."""
    found = selectors.stored_recording(recording_id)
    if found is None:
        raise Http404
    try:
        file = recordings.open_stored(found)
    except recordings.Unreadable:
        queue(tasks.fetch_recording, found.tenant_id, found.pk)
        # Not raised, which would take back that it is fetched.
        return HttpResponse("We are fetching this recording again.\n", "text/plain", status=404)
    response = _range(file, found.size, request.headers.get("Range", ""))
    downloads = "download" in request.GET
    if response.status_code != 416:
        action = Action.RECORDING_DOWNLOADED if downloads else Action.RECORDING_PLAYED
        audit.record_look(action, on=Thing("recording", found.pk, str(found.call)))
    name = f"call-{found.call.started_at:%Y-%m-%d}-{found.pk.hex[:8]}.wav"
    how = "attachment" if downloads else "inline"
    response.headers["Content-Disposition"] = f'{how}; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


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


def _range(file: BinaryIO, size: int, wanted: str) -> HttpResponseBase:
    """Serve a file as audio; `wanted` is a Range header. Other units and lists are ignored, as the
    RFC allows (9110, 14.2); a range beyond the end is 416.
    """
    first, last = 0, size - 1
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", wanted)
    partial = match is not None and match.group(0) != "bytes=-"
    if match is not None and partial:
        if match[1]:
            first, last = int(match[1]), min(int(match[2] or last), last)
        else:
            first = max(0, size - int(match[2]))
        if first > last:
            file.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    file.seek(first)
    response = FileResponse(
        _Window(file, last - first + 1), status=206 if partial else 200, content_type="audio/wav"
    )
    response.block_size = 2**16  # bytes at a time
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(last - first + 1)
    if partial:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


class _Window:
    """The next `left` bytes of an open file, read by FileResponse piece by piece."""

    def __init__(self, file: Any, left: int) -> None:
        self._file, self._left = file, left

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        data: bytes = self._file.read(size)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
