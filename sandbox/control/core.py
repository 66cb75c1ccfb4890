"""What every door needs."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from sandbox.rest.core import Handler, exchange
from sandbox.signalling.pstream import Signalling
from sandbox.telephony.calls import Call

SIGNALLING = web.AppKey("signalling", Signalling)


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody else may look inside, wherever the server listens."""
    if request.path.startswith("/sandbox/"):
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if peer is None or not ipaddress.ip_address(peer[0]).is_loopback:
            raise web.HTTPForbidden(text="loopback only")
    return await handler(request)


def find_call(request: web.Request) -> Call:
    """By SID, in whichever account."""
    call = exchange(request).calls.get(request.match_info["call"])
    if call is None:
        raise web.HTTPNotFound(text="no such call")
    return call
