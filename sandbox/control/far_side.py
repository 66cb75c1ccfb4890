"""Act as the far side of a call."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.config import Account, Number
from sandbox.control.core import find_call
from sandbox.rest.calls import call_json
from sandbox.rest.core import exchange
from sandbox.telephony.exchange import Exchange
from sandbox.twiml import running
from sandbox.twiml.session import Step


async def far_hangup(request: web.Request) -> web.Response:
    """The far side hangs up; before it was answered, a caller gives up or a callee declines."""
    call = find_call(request)
    if call.answered_at is not None:
        call.end("completed")
    elif call.direction == "inbound":
        call.end("canceled")
    else:
        call.end("busy", 603)
    return web.json_response(call_json(call))


async def far_answer(request: web.Request) -> web.Response:
    """The far side picks up what rings on by itself: number 103, or the fault ``ring-on``."""
    call = find_call(request)
    call.answers.set()
    return web.json_response(call_json(call))


async def far_digits(request: web.Request) -> web.Response:
    """The far side presses keys: ``{"digits": "12#"}``."""
    call = find_call(request)
    call.press(str((await request.json())["digits"]))
    return web.json_response({})


async def incoming(request: web.Request) -> web.Response:
    """A pretend caller ``from`` rings one of our numbers ``to``."""
    room, body = exchange(request), await request.json()
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


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_post("/sandbox/calls/{call}/hangup", far_hangup)
    app.router.add_post("/sandbox/calls/{call}/answer", far_answer)
    app.router.add_post("/sandbox/calls/{call}/digits", far_digits)
    app.router.add_post("/sandbox/incoming", incoming)
