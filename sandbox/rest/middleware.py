"""What is done around every REST request: limits, faults, sign-in, errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

from aiohttp import web

from sandbox.rest.core import ACCOUNT, AFTER, ApiError, Handler, exchange, not_found, sign_in


@web.middleware
async def rest_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """How many requests of an account are under way at once, and the answer to each."""
    if not request.path.startswith(("/2010-04-01/", "/v1/")):
        return await handler(request)
    under_way = exchange(request).under_way
    whose = request.match_info.get("account", "")
    under_way[whose] += 1
    try:
        return await _answer(request, handler, under_way[whose])
    finally:
        under_way[whose] -= 1


async def _answer(request: web.Request, handler: Handler, at_once: int) -> web.StreamResponse:
    """Faults, sign-in, errors, and what is to happen only after the answer has gone out."""
    room = exchange(request)
    after: list[Callable[[], None]] = []
    request[AFTER] = after
    fields = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
    entry = room.wire.add("rest", method=request.method, path=request.path_qs, params=fields)
    subject = f"{request.method} {request.path_qs} {urlencode(fields)}"
    faults = room.faults
    if delay := faults.take("rest-delay", subject):
        await asyncio.sleep(1 if delay.seconds is None else delay.seconds)
    if faults.take("rest-drop", subject):
        entry["status"] = "dropped"
        return _hang_up(request)
    drop = None
    try:
        if fault := faults.take("rest-error", subject):
            headers = {"Retry-After": "1"} if fault.status == 429 else {}
            code = fault.code or (20429 if fault.status == 429 else 20500)
            raise ApiError(fault.status, code, "ordered by a fault", headers)
        if not _is_media(request):
            ours = request[ACCOUNT] = sign_in(request)
            if request.match_info.get("account", ours.sid) != ours.sid:
                raise not_found(request.path)
            if at_once > room.config.rest_concurrency:
                raise ApiError(429, 20429, "Too Many Requests", {"Retry-After": "1"})
        drop = faults.take("rest-accept-then-drop", subject)
        response: web.StreamResponse = await handler(request)
    except ApiError as error:
        entry["code"] = error.code
        response = error.response()
    except web.HTTPNotFound:
        response = not_found(request.path).response()
    except web.HTTPMethodNotAllowed:
        response = ApiError(405, 20004, "Method not allowed").response()
    entry["status"] = response.status
    if after and (early := faults.take("callback-before-answer", subject)):
        for act in after:
            act()
        await asyncio.sleep(0.5 if early.seconds is None else early.seconds)
    if drop is not None:
        entry["status"] = "accepted, then dropped"
        response = _hang_up(request)
    else:
        if after and not response.prepared:
            await response.prepare(request)
            await response.write_eof()
    for act in after:
        act()
    return response


def _is_media(request: web.Request) -> bool:
    return (
        "Recordings/" in request.path
        and request.method in ("GET", "HEAD")
        and (not request.path.endswith(".json"))
    )


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
