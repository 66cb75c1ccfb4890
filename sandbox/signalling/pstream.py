"""The Voice SDK's signalling: one WebSocket per Device, text frames of JSON (PStream 1.6)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from sandbox.media.peer import BrowserPeer
from sandbox.signalling.tokens import Grant, TokenRejected, read
from sandbox.telephony.calls import Call
from sandbox.telephony.devices import Device
from sandbox.telephony.exchange import Exchange
from sandbox.twiml import running
from sandbox.twiml.session import Step

HEARTBEAT_SECONDS = 5.0  # the client drops a silent socket after 15
RESUME_SECONDS = 6.0  # a call outlives its socket for so long
Payload = dict[str, Any]


class Signalling:
    """All browsers of the sandbox and their legs."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.legs: dict[str, BrowserLeg] = {}  # by call SID
        self.sockets: set[web.WebSocketResponse] = set()

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """``/signal``."""
        if self.exchange.faults.take("signalling-refuse", request.path):
            return web.Response(status=503)
        socket = web.WebSocketResponse(timeout=0.5, max_msg_size=256 * 1024)
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            await Connection(self, socket).serve()
        finally:
            self.sockets.discard(socket)
        return socket

    async def close(self) -> int:
        """Close every socket; how many there were."""
        sockets = list(self.sockets)
        await asyncio.gather(*(socket.close() for socket in sockets))
        return len(sockets)

    def cut(self) -> int:
        """Cut the way of every browser's sound, and leave its signalling; how many there were."""
        peers = [leg.peer for leg in self.legs.values() if leg.peer is not None]
        for peer in peers:
            peer.cut()
        return len(peers)

    def by_token(self, token: str) -> BrowserLeg | None:
        """The leg that this reconnect token was given for."""
        for leg in self.legs.values():
            if secrets.compare_digest(leg.reconnect, token):
                return leg
        return None


class BrowserLeg:
    """One call of a browser; survives its socket for RESUME_SECONDS."""

    def __init__(self, signalling: Signalling, connection: Connection, call: Call) -> None:
        self.signalling = signalling
        self.connection: Connection | None = connection
        self.call = call
        self.reconnect = secrets.token_urlsafe(16)
        self.peer: BrowserPeer | None = None
        self._by_client = False
        call.on_end.append(self._ended)

    async def pick_up(self, offer: str) -> Device:
        """Answer the browser's offer; from now on there is audio."""
        peer = BrowserPeer(self._media_lost)
        self.peer = peer
        sdp = await peer.answer(offer)
        self.send("answer", sdp=sdp, reconnect=self.reconnect)
        return peer

    def send(self, kind: str, **payload: Any) -> None:
        """To the browser, if it is connected."""
        if self.connection is not None:
            self.connection.send(kind, callsid=self.call.sid, **payload)

    def hung_up(self) -> None:
        """The browser ended the call."""
        self._by_client = True
        self.call.end("completed" if self.call.answered_at else "canceled")

    def _media_lost(self) -> None:
        self.signalling.exchange.wire.add("media-lost", call=self.call.sid)
        self.call.end("completed")

    def _ended(self) -> None:
        if not self._by_client:
            error = None
            if self.call.status == "failed" and self.call.answered_at is None:
                error = {"code": 31005, "message": "The application did not take the call"}
            self.send("hangup", **({"error": error} if error else {}))
        if self.peer is not None:
            self.peer.close()
        self.signalling.legs.pop(self.call.sid, None)


class Connection:
    """One socket."""

    def __init__(self, signalling: Signalling, socket: web.WebSocketResponse) -> None:
        self.signalling = signalling
        self.exchange = signalling.exchange
        self.grant: Grant | None = None
        self._socket = socket
        self._expiry: asyncio.TimerHandle | None = None
        self._out: asyncio.Queue[str] = asyncio.Queue()
        self._by_client_sid: dict[str, BrowserLeg] = {}  # TJS… until the CA… is known
        self._handlers: dict[str, Callable[[Payload], Awaitable[None]]] = {
            "listen": self._listen,
            "register": self._register,
            "invite": self._invite,
            "hangup": self._hangup,
            "dtmf": self._dtmf,
            "reinvite": self._reinvite,
            "message": self._message,
        }

    async def serve(self) -> None:
        """Until the socket closes; then its calls get some time to be resumed."""
        writers = [asyncio.create_task(self._write()), asyncio.create_task(self._beat())]
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT and message.data.strip():
                    await self._receive(message.data)
        finally:
            for writer in writers:
                writer.cancel()
            if self._expiry is not None:
                self._expiry.cancel()
            for leg in list(self.signalling.legs.values()):
                if leg.connection is self:
                    leg.connection = None
                    leg.call.own(asyncio.create_task(self._expire(leg)))

    async def _expire(self, leg: BrowserLeg) -> None:
        await asyncio.sleep(RESUME_SECONDS)
        if leg.connection is None:
            leg.call.end("completed" if leg.call.answered_at else "canceled")

    def send(self, kind: str, **payload: Any) -> None:
        """Queue a frame."""
        self.exchange.wire.add("signal-out", type=kind, payload=payload)
        self._out.put_nowait(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    async def _write(self) -> None:
        while not self._socket.closed:
            await self._socket.send_str(await self._out.get())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._out.put_nowait("\n")

    async def _receive(self, text: str) -> None:
        try:
            frame = json.loads(text)
            kind, payload = str(frame["type"]), dict(frame.get("payload") or {})
        except (ValueError, KeyError, TypeError):
            self.exchange.wire.alert(31000, "unreadable signalling frame")
            return
        self.exchange.wire.add("signal-in", type=kind, payload=payload)
        handler = self._handlers.get(kind)
        if handler is None:
            self.exchange.wire.alert(0, f"signalling {kind!r} is not implemented by the sandbox")
            return
        await handler(payload)

    def _error(self, code: int, message: str) -> None:
        self.send("error", error={"code": code, "message": message})

    async def _listen(self, payload: Payload) -> None:
        token = str(payload.get("token", ""))
        try:
            if fault := self.exchange.faults.take("token-reject", "/signal"):
                raise TokenRejected(fault.code or 31204, "ordered by a fault")
            self.grant = read(token, self.exchange.config.accounts)
        except TokenRejected as error:
            self.grant = None
            self.exchange.wire.alert(error.code, str(error))
            self._error(error.code, str(error))
            return
        if self._expiry is not None:
            self._expiry.cancel()
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(self.grant.ttl, self._expired)
        about = {"identity": self.grant.identity, "ttl": self.grant.ttl}
        self.send(
            "connected", region="local", edge="local", home="local", gateway="sandbox", token=about
        )

    def _expired(self) -> None:
        # The SDK goes on saying that it is ready; calls that are up stay up.
        self.grant = None
        self._error(31205, "Access token expired")

    async def _register(self, payload: Payload) -> None:
        if self.grant is None:
            self._error(31204, "not authorised")
            return
        wanted = (payload.get("media") or {}).get("audio")
        self.send("ready" if wanted else "offline")

    async def _invite(self, payload: Payload) -> None:
        if token := payload.get("reconnect"):
            self._resume(str(token), payload)
            return
        client_sid, grant = str(payload.get("callsid", "")), self.grant
        if grant is None:
            self._refuse(client_sid, 31204, "not authorised")
            return
        app = grant.account.applications.get(grant.application_sid)
        if app is None or not app.voice_url:
            self._refuse(client_sid, 31002, f"no application {grant.application_sid} to ask")
            return
        query = str((payload.get("twilio") or {}).get("params", ""))
        custom = dict(parse_qsl(query, keep_blank_values=True)) | grant.outgoing_params
        call = self.exchange.browser_call(grant.account, app, f"client:{grant.identity}", custom)
        leg = BrowserLeg(self.signalling, self, call)
        self.signalling.legs[call.sid] = self._by_client_sid[client_sid] = leg
        call.on_end.append(lambda: self._by_client_sid.pop(client_sid, None))
        offer = str(payload.get("sdp", ""))
        call.pick_up = lambda: leg.pick_up(offer)
        leg.send("ringing")
        running.start(self.exchange, call, Step.of(app))

    def _refuse(self, client_sid: str, code: int, message: str) -> None:
        self.exchange.wire.alert(code, message)
        self.send("hangup", callsid=client_sid, error={"code": code, "message": message})

    def _resume(self, token: str, payload: Payload) -> None:
        leg = self.signalling.by_token(token)
        if leg is None:
            self._refuse(str(payload.get("callsid", "")), 31005, "nothing to resume")
            return
        leg.connection = self
        leg.send("answer", reconnect=leg.reconnect)

    def _leg(self, payload: Payload) -> BrowserLeg | None:
        sid = str(payload.get("callsid", ""))
        leg = self.signalling.legs.get(sid) or self._by_client_sid.get(sid)
        return leg if leg is not None and leg.connection is self else None

    async def _hangup(self, payload: Payload) -> None:
        if leg := self._leg(payload):
            leg.hung_up()

    async def _dtmf(self, payload: Payload) -> None:
        if leg := self._leg(payload):
            leg.call.press(str(payload.get("dtmf", "")))

    async def _reinvite(self, payload: Payload) -> None:
        leg = self._leg(payload)
        if leg is not None and leg.peer is not None:
            leg.send("answer", sdp=await leg.peer.answer(str(payload.get("sdp", ""))))

    async def _message(self, payload: Payload) -> None:
        self.exchange.wire.alert(0, "call messages are not implemented by the sandbox")
        self._error(31210, "call messages are not implemented by the sandbox")
