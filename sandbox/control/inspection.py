"""Look inside."""

from __future__ import annotations

from aiohttp import web

from sandbox.control.core import find_call
from sandbox.media.audio import Ear
from sandbox.rest.calls import call_json
from sandbox.rest.conferences import conference_json
from sandbox.rest.core import exchange
from sandbox.rest.participants import participant_json
from sandbox.rest.queues import member_json, queue_json
from sandbox.rest.recordings import recording_json


async def health(request: web.Request) -> web.Response:
    """That it runs; and whether it is ``idle``: no call, no callback and no recording under way."""
    room = exchange(request)
    return web.json_response({"status": "ok", "live_calls": len(room.live), "idle": room.idle})


async def state(request: web.Request) -> web.Response:
    """Everything there is, in Twilio's shapes."""
    room = exchange(request)
    return web.json_response(
        {
            "calls": [call_json(c) for c in room.calls.values()],
            "conferences": [
                conference_json(c)
                | {"participants": [participant_json(p) for p in c.joined + c.pending]}
                for c in room.conferences.values()
            ],
            "queues": [
                queue_json(q) | {"members": [member_json(m) for m in q.members]}
                for q in room.queues.all.values()
            ],
            "recordings": [recording_json(r) for r in room.recorder.recordings.values()],
        }
    )


async def wire(request: web.Request) -> web.Response:
    """The log after entry ``since``."""
    since = request.query.get("since", "0")
    return web.json_response({"entries": exchange(request).wire.since(int(since or 0))})


async def heard(request: web.Request) -> web.Response:
    """What the far end of this call heard, the digits it received, and what it ``said``."""
    call = find_call(request)
    device = call.device
    report = (device.ear if device is not None else Ear()).report()
    report["digits"] = device.digits if device is not None else ""
    report["said"] = call.said.report()
    return web.json_response(report)


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_get("/sandbox/health", health)
    app.router.add_get("/sandbox/state", state)
    app.router.add_get("/sandbox/wire", wire)
    app.router.add_get("/sandbox/calls/{call}/heard", heard)
