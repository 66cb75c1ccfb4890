"""Recordings of calls, the list of all, and their media."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from sandbox.config import Account
from sandbox.ids import rfc2822
from sandbox.rest import parsing
from sandbox.rest.calls import find as find_call
from sandbox.rest.core import (
    PREFIX,
    ApiError,
    Json,
    account,
    exchange,
    not_found,
    only_filters,
    paged,
    sign_in,
)
from sandbox.rest.forms import form
from sandbox.rest.times import TimeFilters
from sandbox.telephony.recordings import Recording

HTML = b"<!doctype html><title>Sign in</title><p>This is not a recording."


def recording_json(r: Recording) -> Json:
    """A recording in Twilio's shape; ``duration`` is text, -1 until it is known."""
    uri = f"{PREFIX}/{r.account.sid}/Recordings/{r.sid}"
    return {
        "sid": r.sid,
        "account_sid": r.account.sid,
        "call_sid": r.call_sid,
        "conference_sid": r.conference_sid,
        "status": r.status,
        "channels": r.channels,
        "source": r.source,
        "track": r.track,
        "duration": str(-1 if r.duration is None else r.duration),
        "start_time": rfc2822(r.started),
        "date_created": rfc2822(r.started),
        "date_updated": rfc2822(r.updated),
        "error_code": r.error_code,
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "encryption_details": None,
        "media_url": r.url,
        "uri": f"{uri}.json",
        "subresource_uris": {},
    }


def find(request: web.Request) -> Recording:
    """By SID, inside the account; a deleted one is gone."""
    found = exchange(request).recorder.recordings.get(request.match_info["recording"])
    if found is None or found.account.sid != account(request).sid or found.status == "deleted":
        raise not_found(request.path)
    return found


async def create_recording(request: web.Request) -> web.Response:
    """Start to record a call that is in progress."""
    call, fields = find_call(request), await form(request)
    channels, track = parsing.channels(fields), parsing.track(fields)
    reports = parsing.recording_callback(fields)
    fields.choice("Trim", "do-not-trim", ("do-not-trim", "trim-silence"))
    fields.finish()
    if call.status != "in-progress":
        raise ApiError(400, 21220, "Requested resource is not eligible for recording")
    made = exchange(request).recorder.record_call(
        call, "StartCallRecordingAPI", channels, reports, track
    )
    return web.json_response(recording_json(made), status=201)


async def update_recording(request: web.Request) -> web.Response:
    """Pause, resume, stop; ``Twilio.CURRENT`` is the running one of the call."""
    call, fields = find_call(request), await form(request)
    status = fields.choice("Status", "", ("paused", "in-progress", "stopped"))
    skip = fields.choice("PauseBehavior", "silence", ("silence", "skip")) == "skip"
    fields.finish()
    key = request.match_info["recording"]
    running = [r for r in call.recordings if r.running]
    chosen = [r for r in running if key in (r.sid, "Twilio.CURRENT")]
    if not chosen:
        if any(r.sid == key for r in call.recordings):
            raise ApiError(400, 21220, "The recording is not in progress")
        raise not_found(request.path)
    recording = chosen[-1]
    if status == "stopped":
        exchange(request).recorder.stop(recording)
        return web.json_response(recording_json(recording) | {"status": "stopped"})
    recording.status, recording.skip_when_paused = status, skip
    return web.json_response(recording_json(recording))


async def list_recordings(request: web.Request) -> web.Response:
    """Of the account, or of one call; newest first."""
    times = TimeFilters(DateCreated=lambda r: r.started)
    only_filters(request, "CallSid", "ConferenceSid", *times.names)
    tests = times.tests(request.query)
    call = request.match_info.get("call") or request.query.get("CallSid")
    conference = request.query.get("ConferenceSid")
    found = [
        r
        for r in reversed(exchange(request).recorder.recordings.values())
        if r.account.sid == account(request).sid
        and r.status != "deleted"
        and call in (None, r.call_sid)
        and conference in (None, r.conference_sid)
        and all(test(r) for test in tests)
    ]
    return paged(request, "recordings", found, recording_json)


async def fetch_recording(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(recording_json(find(request)))


async def delete_recording(request: web.Request) -> web.Response:
    """The sound goes at once."""
    recording = find(request)
    if recording.running or recording.status == "processing":
        raise ApiError(400, 21220, "The recording is in progress")
    recording.status = "deleted"
    if recording.path is not None:
        recording.path.unlink(missing_ok=True)
    return web.Response(status=204)


# media


async def media(request: web.Request) -> web.StreamResponse:
    """``.wav`` (default) or ``.mp3``, RequestedChannels 1 or 2, with Content-Length and Range."""
    room = exchange(request)
    ours: Account | None
    if room.config.media_auth or "Authorization" in request.headers:
        ours = sign_in(request)
    else:
        ours = None
    recording = room.recorder.recordings.get(request.match_info["recording"])
    wrong = recording is not None and (
        recording.account.sid != request.match_info["account"]
        or (ours is not None and ours.sid != recording.account.sid)
    )
    if recording is None or wrong or recording.path is None or recording.status != "completed":
        raise not_found(request.path)
    if room.faults.take("recording-html", request.path_qs):
        return web.Response(body=HTML, content_type="text/html")
    kind = request.match_info["kind"].lstrip(".") or "wav"
    asked = request.query.get("RequestedChannels", "")
    try:
        data = await asyncio.to_thread(recording.media, kind, int(asked) if asked else None)
    except ValueError as error:
        raise ApiError(400, 21220, str(error)) from None
    kinds = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}
    headers = {"Accept-Ranges": "bytes", "Content-Type": kinds[kind]}
    status = 200
    if found := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", "")):
        first, last = _range(found.group(1), found.group(2), len(data))
        if first > last:
            headers["Content-Range"] = f"bytes */{len(data)}"
            return web.Response(status=416, headers=headers)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        data, status = data[first : last + 1], 206
    if room.faults.take("recording-truncate", request.path_qs):
        return await _half(request, data, status, headers)
    return web.Response(body=data, status=status, headers=headers)


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return (max(0, size - int(last)), size - 1) if last else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1


async def _half(
    request: web.Request, data: bytes, status: int, headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(data)
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def routes(app: web.Application) -> None:
    """Add the resources."""
    top = PREFIX + "/{account}"
    app.router.add_get(top + "/Calls/{call}/Recordings.json", list_recordings)
    app.router.add_post(top + "/Calls/{call}/Recordings.json", create_recording)
    app.router.add_post(top + "/Calls/{call}/Recordings/{recording}.json", update_recording)
    app.router.add_get(top + "/Recordings.json", list_recordings)
    app.router.add_get(top + "/Recordings/{recording}.json", fetch_recording)
    app.router.add_delete(top + "/Recordings/{recording}.json", delete_recording)
    app.router.add_get(top + "/Recordings/{recording:RE[0-9a-f]+}{kind:(\\.wav|\\.mp3)?}", media)
