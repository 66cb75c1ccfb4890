"""Recordings: heard, kept as a file, asked for again."""

import re
from typing import BinaryIO
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from calls import selectors, tasks
from calls.gateway import stores
from calls.models import Recording
from calls.services import recordings
from tenants.bricks.access import member_required
from tenants.bricks.gates import Crowded
from tenants.bricks.http import TenantRequest
from tenants.bricks.queueing import queue
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions
from tenants.trail import audit
from tenants.trail.audit import Action, Thing

# Where docs/nginx.conf and docs/Caddyfile have RECORDINGS_DIR, for themselves alone.
HANDED_OVER = "/stored-recordings/"
# Of a link to the store, beyond the recording's own length: a browser asks for each part by it.
LINK_SECONDS = 300
TYPE, CACHING = "audio/wav", "private, no-store"
AWAY = "Our store of recordings doesn’t answer. Try again in a minute."


@require_GET
@login_required
@member_required
@short_transactions
def recording(request: TenantRequest, recording_id: UUID) -> HttpResponseBase:
    """A recording's audio, whole or one byte range of it; with `download`, to be kept as a file.

    The store sends it, or the proxy; they read the range themselves. Only where RECORDINGS_SENT_BY
    is `web` this process does.
    """
    with tenant_transaction():
        found = selectors.stored_recording(recording_id)
    if found is None:
        raise Http404
    try:
        recordings.make_sure(found)
    except recordings.Unreadable:
        queue(tasks.fetch_recording, found.tenant_id, found.pk)
        return _sorry("We are fetching this recording again.", 404)
    except (stores.StoreAway, Crowded):
        return _sorry(AWAY, 503)
    part = _wanted(request.headers.get("Range", ""), found.size)
    if part is not None and not part:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{found.size}"})
    downloads = "download" in request.GET
    action = Action.RECORDING_DOWNLOADED if downloads else Action.RECORDING_PLAYED
    with tenant_transaction():
        audit.record_look(action, on=Thing("recording", found.pk, str(found.call)))
    name = f"call-{found.call.started_at:%Y-%m-%d}-{found.pk.hex[:8]}.wav"
    disposition = f'{"attachment" if downloads else "inline"}; filename="{name}"'
    try:
        response = _answer(found, part, disposition)
    except stores.StoreAway:
        return _sorry(AWAY, 503)
    response.headers["Content-Disposition"] = disposition
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = CACHING
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


def _sorry(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", "text/plain; charset=utf-8", status=status)


def _answer(found: Recording, part: range | None, disposition: str) -> HttpResponseBase:
    """By who sends it."""
    store = stores.recordings()
    if isinstance(store, stores.Bucket):
        seconds = LINK_SECONDS + (found.duration or 0)
        said = {"ContentType": TYPE, "ContentDisposition": disposition, "CacheControl": CACHING}
        return HttpResponseRedirect(store.link(found.path, seconds=seconds, **said))
    if settings.RECORDINGS_SENT_BY == "web":
        return _sent(store.file(found.path).open("rb"), found.size, part)
    is_path = settings.RECORDINGS_SENT_BY == "x-sendfile"
    where = str(store.file(found.path)) if is_path else HANDED_OVER + quote(found.path)
    return HttpResponse(content_type=TYPE, headers={settings.RECORDINGS_SENT_BY: where})


def _wanted(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for, of so many; none of them when they lie beyond the
    end, and None for the whole. Other units and lists are ignored, as the RFC allows (9110, 14.2).
    """
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", header)
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        if match[2] and int(match[2]) < int(match[1]):
            return None  # invalid, and to be ignored (14.1.1, 14.2)
        return range(int(match[1]), min(int(match[2] or size), size - 1) + 1)
    return range(max(0, size - int(match[2])), size)


def _sent(file: BinaryIO, size: int, part: range | None) -> FileResponse:
    """The file, or a part of it, piece by piece by this process."""
    sent = part or range(size)
    file.seek(sent.start)
    response = FileResponse(
        _Window(file, len(sent)), status=206 if part else 200, content_type=TYPE
    )
    response.block_size = 2**16  # bytes at a time
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(len(sent))
    if part:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response


class _Window:
    """The next `left` bytes of an open file, read by FileResponse piece by piece."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
