"""The live channel: `GET /live?ticket=…` answers a stream of server-sent events.

A small ASGI application without Django's request cycle (a page costs a queue and a task). In
production it has a process of its own: `uvicorn voip_crm.live:application`; in `./run` it lives in
the one process there is. Events:

    data: {...}                     what `tenants.bricks.live.publish` was given (ids only), with an
                                    `agent` at once to that person's pages, to others a moment later
    data: {"type": "deaf"}          nothing is heard until the next resync: look now and then
    data: {"type": "seen?"}         each 30 seconds: is the page there? (`POST /calls/seen`)
    data: {"type": "resync"}        something may have been missed: fetch again what is shown
    : keep-alive                    each 15 seconds

A stream ends after ten minutes, or when its user or tenant has changed (`live.end_streams`); the
page comes back with a new ticket, which a removed member does not get. Tickets come from a view
that knows the session, each for one stream; 401 for a bad or used one, 429 while its user has
twenty streams. `GET /live/readyz` is for a load balancer: 200, or 503 while Redis is away.
"""

import asyncio
import logging.config
import os
import random
import time
from typing import Any
from urllib.parse import parse_qs

from django.apps import apps
from django.conf import settings
from django.core import signing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
from tenants.bricks import live as sender
from voip_crm.checks import refuse_to_start_on_errors
from voip_crm.hub import KEEP_ALIVE_SECONDS, Hub, Page, put

PATH, READY_PATH = "/live", "/live/readyz"
STREAM_SECONDS = 600.0
# How often a page is asked whether it is there, if there are calls that it could ring for. What
# comes by the stream wakes it, while the timers of a hidden page run once a minute.
SEEN_SECONDS = 30.0
# Of a new stream, in seconds; soon, as the one before may have been asked half a minute ago, and
# each page at a moment of its own, as after a restart all come at once.
FIRST_SEEN_SECONDS = (2.0, 10.0)

SEEN = b'data: {"type": "seen?"}\n\n'
KEEP_ALIVE = b": keep-alive\n\n"

# Reads the settings here, so that a process with a missing one ends at its start.
if not apps.ready:  # a process of its own, without Django set up
    logging.config.dictConfig(settings.LOGGING)
    refuse_to_start_on_errors(several_processes=True, uses_database=False)
hub = Hub(settings.REDIS_URL)
sender.listen(hub.deliver_from_thread)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("The live channel speaks HTTP only.")
    if scope["path"] == READY_PATH:
        await _answer(send, 200 if await hub.is_ready() else 503)
        return
    if scope["path"] != PATH or scope["method"] != "GET":
        await _answer(send, 404)
        return
    ticket = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [""])[0]
    try:
        tenant_id, user_id, ticket_at = sender.read_ticket(ticket)
    except signing.BadSignature:
        await _answer(send, 401)
        return
    channels = [f"{sender.CHANNEL_PREFIX}{owner_id}" for owner_id in (tenant_id, user_id)]
    if any(hub.has_ended(channel, ticket_at) for channel in channels):
        await _answer(send, 401)
        return
    if hub.is_full(channels[1]):  # the user's; nothing is awaited until the page has joined
        await _answer(send, 429)
        return
    if not hub.use(ticket, ticket_at):
        await _answer(send, 401)
        return
    await _stream(channels, receive, send)


async def _stream(channels: list[str], receive: Any, send: Any) -> None:
    page = hub.join(*channels)
    watcher = asyncio.create_task(_end_when_gone(page, receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
        )
        await _body(send, b": open\n\n")
        async with asyncio.timeout(STREAM_SECONDS):
            first = random.uniform(*FIRST_SEEN_SECONDS)  # noqa: S311  # nosec B311: no secret
            ask_at = time.monotonic() + first
            while (event := await _next(page, ask_at)) is not None:
                if event == SEEN:
                    ask_at = time.monotonic() + SEEN_SECONDS
                    # Who would not hear that a call rings is not there.
                    event = SEEN if hub.hears else KEEP_ALIVE
                await _body(send, event)
    except TimeoutError:
        pass
    finally:
        watcher.cancel()
        hub.leave(page, *channels)
    await _body(send, b"", more=False)


async def _next(page: Page, ask_at: float) -> bytes | None:
    """What there is to be told; else the question that is due, or a sign of life."""
    until_asked = ask_at - time.monotonic()
    if until_asked <= 0:
        return SEEN
    try:
        async with asyncio.timeout(min(KEEP_ALIVE_SECONDS, until_asked)):
            return await page.get()
    except TimeoutError:
        return SEEN if until_asked <= KEEP_ALIVE_SECONDS else KEEP_ALIVE


async def _end_when_gone(page: Page, receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    put(page, None)


async def _body(send: Any, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _answer(send: Any, status: int) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await _body(send, b"", more=False)
