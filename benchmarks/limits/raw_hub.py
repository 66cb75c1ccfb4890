"""The least that tells many pages of an event: `uvicorn benchmarks.limits.raw_hub:application`.

`GET /stream` is one page's stream; a line of `POST /publish` goes to all of them.
"""

import asyncio
from typing import Any

pages: set[asyncio.Queue[bytes]] = set()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/publish":
        body = (await receive())["body"]
        for each in pages:
            each.put_nowait(b"data: " + body + b"\n\n")
    head: list[tuple[bytes, bytes]] = []
    if scope["path"] != "/stream":
        head.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": 200, "headers": head})
    if scope["path"] != "/stream":
        await send({"type": "http.response.body", "body": b""})
        return
    page: asyncio.Queue[bytes] = asyncio.Queue()
    pages.add(page)
    gone = asyncio.create_task(_until_gone(receive))
    try:
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        while not gone.done():
            event = await page.get()
            await send({"type": "http.response.body", "body": event, "more_body": True})
    finally:
        pages.discard(page)


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
