"""A telephone as a web page: it rings our numbers like any caller, and rings when it is called.

The page is ``/``. Its socket carries JSON objects with a ``type``:

    from the page   dial {from, to, sdp}, answer {call, sdp}, decline {call}, keys {keys}, hang_up
    to the page     hello {numbers: [{number, name}]}, ring {call, from, to}, rest {call},
                    answered {sdp}, over {status}, refused {why}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.control.callers import number_of
from sandbox.media.peer import BrowserPeer
from sandbox.rest.core import exchange
from sandbox.telephony.callers import hang_up
from sandbox.telephony.calls import Call
from sandbox.telephony.devices import Device
from sandbox.telephony.exchange import Exchange
from sandbox.twiml import running
from sandbox.twiml.session import Step

FOLDER = Path(__file__).parent / "telephone_page"
LONGEST_NUMBER = 64
POLICY = "default-src 'self'; connect-src 'self' ws:; img-src 'self' data:; frame-ancestors 'none'"


class Line:
    """An open page: at most one call at a time."""

    def __init__(self, room: Exchange, socket: web.WebSocketResponse) -> None:
        self.room = room
        self.call: Call | None = None
        self._socket = socket
        self._out: asyncio.Queue[str] = asyncio.Queue()
        self._does: dict[str, Callable[[dict[str, Any]], Coroutine[Any, Any, None]]] = {
            "dial": self._dial,
            "answer": self._answer,
            "decline": self._decline,
            "keys": self._keys,
            "hang_up": self._hang_up,
        }

    async def serve(self) -> None:
        """Until the page is closed, which hangs up."""
        writer = asyncio.create_task(self._write())
        numbers = [
            {"number": number.phone_number, "name": number.friendly_name}
            for account in self.room.config.accounts.values()
            for number in account.numbers.values()
        ]
        self._send("hello", numbers=numbers)
        self.room.telephones.join(self)
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
        finally:
            self.room.telephones.leave(self)
            writer.cancel()
            if self.call is not None:
                hang_up(self.call)

    async def _receive(self, text: str) -> None:
        try:
            said = dict(json.loads(text))
            does = self._does[str(said.get("type"))]
            await does(said)
        except (KeyError, TypeError, ValueError) as error:
            self._send("refused", why=f"That was not understood: {error}")

    def rings(self, call: Call) -> None:
        """Somebody calls; whoever speaks already hears nothing of it."""
        if self.call is None:
            self._send("ring", call=call.sid, **{"from": call.from_, "to": call.to})

    def rests(self, call: Call) -> None:
        """It was answered elsewhere, or given up."""
        self._send("rest", call=call.sid)

    async def _dial(self, said: dict[str, Any]) -> None:
        if self.call is not None:
            return
        try:
            account, number = number_of(self.room, str(said["to"])[:LONGEST_NUMBER])
        except LookupError as error:
            self._send("refused", why=str(error))
            return
        offer = str(said["sdp"])
        call = self.room.incoming_call(account, number, str(said["from"])[:LONGEST_NUMBER])

        async def pick_up() -> Device:
            return await self._speak(offer)

        call.pick_up = pick_up
        self._has(call)
        running.start(self.room, call, Step.of(account.told_of(number)))

    async def _answer(self, said: dict[str, Any]) -> None:
        call = self.room.telephones.take(str(said["call"])) if self.call is None else None
        if call is None:
            return
        self._has(call)
        call.lifted = await self._speak(str(said["sdp"]))
        call.answers.set()

    async def _decline(self, said: dict[str, Any]) -> None:
        if call := self.room.telephones.take(str(said["call"])):
            hang_up(call)

    async def _keys(self, said: dict[str, Any]) -> None:
        if self.call is not None:
            self.call.press("".join(key for key in str(said["keys"]) if key in "0123456789*#"))

    async def _hang_up(self, said: dict[str, Any]) -> None:
        if self.call is not None:
            hang_up(self.call)

    def _has(self, call: Call) -> None:
        self.call = call
        call.on_end.append(lambda: self._over(call))

    def _over(self, call: Call) -> None:
        self.call = None
        self._send("over", status=call.status)

    async def _speak(self, offer: str) -> BrowserPeer:
        peer = BrowserPeer(self._lost)
        self._send("answered", sdp=await peer.answer(offer))
        return peer

    def _lost(self) -> None:
        if self.call is not None:
            hang_up(self.call)

    def _send(self, kind: str, **payload: Any) -> None:
        self._out.put_nowait(json.dumps({"type": kind, **payload}))

    async def _write(self) -> None:
        while not self._socket.closed:
            await self._socket.send_str(await self._out.get())


async def line(request: web.Request) -> web.StreamResponse:
    """The page's socket; only pages of this server may have one."""
    origin = request.headers.get("Origin", "")
    if origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="not from this page")
    socket = web.WebSocketResponse(timeout=0.5, heartbeat=10, max_msg_size=256 * 1024)
    await socket.prepare(request)
    await Line(exchange(request), socket).serve()
    return socket


async def page(request: web.Request) -> web.FileResponse:
    """The telephone, and what belongs to it."""
    name = request.match_info.get("name", "index.html")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.FileResponse(FOLDER / name, headers=headers)


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_get("/", page)
    app.router.add_get(r"/sandbox/telephone/{name:telephone\.(js|css)}", page)
    app.router.add_get("/sandbox/telephone/line", line)
