"""Act as the far side of a call."""

from __future__ import annotations

from aiohttp import web

from sandbox.control.core import find_call
from sandbox.rest.calls import call_json
from sandbox.telephony.callers import hang_up


async def far_hangup(request: web.Request) -> web.Response:
    """The far side hangs up; before it was answered, a caller gives up or a callee declines."""
    call = find_call(request)
    hang_up(call)
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


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_post("/sandbox/calls/{call}/hangup", far_hangup)
    app.router.add_post("/sandbox/calls/{call}/answer", far_answer)
    app.router.add_post("/sandbox/calls/{call}/digits", far_digits)
