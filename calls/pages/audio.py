"""Sound out of the store of recordings, whole or one byte range of it.

The store sends it, or the proxy; they read the range themselves. Only where RECORDINGS_SENT_BY is
`web` this process does.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase

from calls.gateway import stores

# Where docs/nginx.conf and docs/Caddyfile have RECORDINGS_DIR, for themselves alone.
HANDED_OVER = "/stored-recordings/"
# Of a link to the store, beyond the sound's own length: a browser asks for each part by it.
LINK_SECONDS = 300
AWAY = "Our store of recordings doesn’t answer. Try again in a minute."


@dataclass(frozen=True)
class Audio:
    """What is kept at `path`; `size` in bytes, `duration` in seconds."""

    path: str
    content_type: str
    size: int
    duration: int


def sorry(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", "text/plain; charset=utf-8", status=status)


def part_of(request: HttpRequest, audio: Audio) -> range | None:
    """The bytes that are asked for; none of them when they lie beyond the end, None for all."""
    return _wanted(request.headers.get("Range", ""), audio.size)


def beyond(audio: Audio) -> HttpResponse:
    """To who asks for bytes beyond the end."""
    return HttpResponse(status=416, headers={"Content-Range": f"bytes */{audio.size}"})


def answer(audio: Audio, part: range | None, *, disposition: str, caching: str) -> HttpResponseBase:
    """By who sends it. Raises `StoreAway`."""
    response = _answer(audio, part, disposition, caching)
    response.headers["Content-Disposition"] = disposition
    response.headers["X-Content-Type-Options"] = "nosniff"
    # A link to the store is good for minutes, whatever the sound behind it may be kept for.
    is_link = isinstance(response, HttpResponseRedirect)
    response.headers["Cache-Control"] = "private, no-store" if is_link else caching
    return response


def sent(request: HttpRequest, audio: Audio, *, caching: str) -> HttpResponseBase:
    """What is asked for of it, or why not."""
    part = part_of(request, audio)
    if part is not None and not part:
        return beyond(audio)
    try:
        return answer(audio, part, disposition="inline", caching=caching)
    except OSError:  # `StoreAway` is one
        return sorry(AWAY, 503)


def _answer(audio: Audio, part: range | None, disposition: str, caching: str) -> HttpResponseBase:
    store = stores.recordings()
    if isinstance(store, stores.Bucket):
        said = {
            "ContentType": audio.content_type,
            "ContentDisposition": disposition,
            "CacheControl": caching,
        }
        link = store.link(audio.path, seconds=LINK_SECONDS + audio.duration, **said)
        return HttpResponseRedirect(link)
    if settings.RECORDINGS_SENT_BY == "web":
        return _sent(store.file(audio.path).open("rb"), audio, part)
    is_path = settings.RECORDINGS_SENT_BY == "x-sendfile"
    where = str(store.file(audio.path)) if is_path else HANDED_OVER + quote(audio.path)
    return HttpResponse(
        content_type=audio.content_type, headers={settings.RECORDINGS_SENT_BY: where}
    )


def _wanted(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for, of so many. Other units and lists are ignored, as the
    RFC allows (9110, 14.2).
    """
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", header)
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        if match[2] and int(match[2]) < int(match[1]):
            return None  # invalid, and to be ignored (14.1.1, 14.2)
        return range(int(match[1]), min(int(match[2] or size), size - 1) + 1)
    return range(max(0, size - int(match[2])), size)


def _sent(file: BinaryIO, audio: Audio, part: range | None) -> FileResponse:
    """The file, or a part of it, piece by piece by this process."""
    sent = part or range(audio.size)
    file.seek(sent.start)
    response = FileResponse(
        _Window(file, len(sent)),
        status=206 if part else 200,
        content_type=audio.content_type,
    )
    response.block_size = 2**16  # bytes at a time
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(len(sent))
    if part:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{audio.size}"
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
