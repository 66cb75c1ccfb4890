"""``/sandbox/…``: look inside, act as the far side, order faults. Not Twilio's; loopback only."""

from __future__ import annotations

import ipaddress
from typing import Any

from aiohttp import web

from sandbox.config import Account, Number
from sandbox.media.audio import Ear
from sandbox.rest.calls import call_json
from sandbox.rest.conferences import conference_json
from sandbox.rest.core import EXCHANGE, Handler
from sandbox.rest.participants import participant_json
from sandbox.rest.recordings import recording_json
from sandbox.signalling.pstream import Signalling
from sandbox.telephony.calls import Call
from sandbox.telephony.exchange import Exchange
from sandbox.twiml import running
from sandbox.twiml.session import Step

SIGNALLING = web.AppKey("signalling", Signalling)


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody else may look inside, wherever the server listens."""
    if request.path.startswith("/sandbox/"):
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if peer is None or not ipaddress.ip_address(peer[0]).is_loopback:
            raise web.HTTPForbidden(text="loopback only")
    return await handler(request)


def _room(request: web.Request) -> Exchange:
    return request.app[EXCHANGE]


async def health(request: web.Request) -> web.Response:
    """That it runs; and whether it is ``idle``: no call, no callback and no recording under way."""
    room = _room(request)
    return web.json_response({"status": "ok", "live_calls": len(room.live), "idle": room.idle})


async def state(request: web.Request) -> web.Response:
    """Everything there is, in Twilio's shapes."""
    room = _room(request)
    return web.json_response(
        {
            "calls": [call_json(c) for c in room.calls.values()],
            "conferences": [
                conference_json(c)
                | {"participants": [participant_json(p) for p in c.joined + c.pending]}
                for c in room.conferences.values()
            ],
            "recordings": [recording_json(r) for r in room.recorder.recordings.values()],
        }
    )


async def wire(request: web.Request) -> web.Response:
    """The log after entry ``since``."""
    since = request.query.get("since", "0")
    return web.json_response({"entries": _room(request).wire.since(int(since or 0))})


def _call(request: web.Request) -> Call:
    call = _room(request).calls.get(request.match_info["call"])
    if call is None:
        raise web.HTTPNotFound(text="no such call")
    return call


async def heard(request: web.Request) -> web.Response:
    """What the far end of this call heard, the digits it received, and what it ``said``."""
    call = _call(request)
    device = call.device
    report = (device.ear if device is not None else Ear()).report()
    report["digits"] = device.digits if device is not None else ""
    report["said"] = call.said.report()
    return web.json_response(report)


async def far_hangup(request: web.Request) -> web.Response:
    """The far side hangs up; before it was answered, a caller gives up or a callee declines."""
    call = _call(request)
    if call.answered_at is not None:
        call.end("completed")
    elif call.direction == "inbound":
        call.end("canceled")
    else:
        call.end("busy", 603)
    return web.json_response(call_json(call))


async def far_digits(request: web.Request) -> web.Response:
    """The far side presses keys: ``{"digits": "12#"}``."""
    call = _call(request)
    call.press(str((await request.json())["digits"]))
    return web.json_response({})


async def incoming(request: web.Request) -> web.Response:
    """A pretend caller ``from`` rings one of our numbers ``to``."""
    room, body = _room(request), await request.json()
    account, number = _number(room, str(body.get("to")))
    app = account.applications.get(number.voice_application_sid)
    target: Any = app if app is not None else number
    if not target.voice_url:
        raise web.HTTPBadRequest(text="the number has no voice URL")
    call = room.incoming_call(account, number, str(body.get("from")))
    step = Step(target.voice_url, target.voice_method, fallback=target.voice_fallback_url)
    running.start(room, call, step)
    return web.json_response(call_json(call), status=201)


def _number(room: Exchange, text: str) -> tuple[Account, Number]:
    for account in room.config.accounts.values():
        for number in account.numbers.values():
            if number.phone_number == text:
                return account, number
    raise web.HTTPBadRequest(text=f"{text} is none of our numbers")


async def drop_sockets(request: web.Request) -> web.Response:
    """Close every browser's signalling socket; the SDK reconnects and resumes its call."""
    return web.json_response({"dropped": await request.app[SIGNALLING].close()})


async def list_faults(request: web.Request) -> web.Response:
    """Orders, open and done, with how often each ``fired``."""
    return web.json_response({"faults": [f.as_json() for f in _room(request).faults.all]})


async def add_fault(request: web.Request) -> web.Response:
    """Order a fault; see faults.KINDS."""
    try:
        fault = _room(request).faults.add(await request.json())
    except (ValueError, TypeError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return web.json_response(fault.as_json(), status=201)


async def clear_faults(request: web.Request) -> web.Response:
    """Take all orders back."""
    _room(request).faults.all.clear()
    return web.json_response({"faults": []})


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_get("/sandbox/health", health)
    app.router.add_get("/sandbox/state", state)
    app.router.add_get("/sandbox/wire", wire)
    app.router.add_get("/sandbox/calls/{call}/heard", heard)
    app.router.add_post("/sandbox/calls/{call}/hangup", far_hangup)
    app.router.add_post("/sandbox/calls/{call}/digits", far_digits)
    app.router.add_post("/sandbox/incoming", incoming)
    app.router.add_post("/sandbox/signalling/drop", drop_sockets)
    app.router.add_get("/sandbox/faults", list_faults)
    app.router.add_post("/sandbox/faults", add_fault)
    app.router.add_delete("/sandbox/faults", clear_faults)
