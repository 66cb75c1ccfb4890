"""Order faults, and break what is connected."""

from __future__ import annotations

from aiohttp import web

from sandbox.control.core import SIGNALLING
from sandbox.rest.core import exchange


async def drop_sockets(request: web.Request) -> web.Response:
    """Close every browser's signalling socket; the SDK reconnects and resumes its call."""
    return web.json_response({"dropped": await request.app[SIGNALLING].close()})


async def cut_media(request: web.Request) -> web.Response:
    """From now on the packets of every browser that is in a call are lost, both ways."""
    return web.json_response({"cut": request.app[SIGNALLING].cut()})


async def list_faults(request: web.Request) -> web.Response:
    """Orders, open and done, with how often each ``fired``."""
    return web.json_response({"faults": [f.as_json() for f in exchange(request).faults.all]})


async def add_fault(request: web.Request) -> web.Response:
    """Order a fault; see ``wire.faults.KINDS``."""
    try:
        fault = exchange(request).faults.add(await request.json())
    except (ValueError, TypeError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return web.json_response(fault.as_json(), status=201)


async def clear_faults(request: web.Request) -> web.Response:
    """Take all orders back."""
    exchange(request).faults.all.clear()
    return web.json_response({"faults": []})


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_post("/sandbox/signalling/drop", drop_sockets)
    app.router.add_post("/sandbox/media/cut", cut_media)
    app.router.add_get("/sandbox/faults", list_faults)
    app.router.add_post("/sandbox/faults", add_fault)
    app.router.add_delete("/sandbox/faults", clear_faults)
