"""A browser without a browser, and the token that it signs in with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from array import array
from typing import Any
from urllib.parse import urlencode

import aiohttp
import jwt
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from sandbox.media.audio import SILENCE, Clip, Ear, tone
from sandbox.media.peer import Outgoing
from sandbox.tests.harness import ACCOUNT, APP, KEY, SECRET, Box

# A real one, for `playwright.chromium.launch`: its microphone beeps once a second.
CHROMIUM: dict[str, Any] = {
    "executable_path": os.environ.get("CHROME_BIN") or "/usr/bin/chromium",
    "args": [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required",
    ],
}


def access_token(
    identity: str = "agent_1", app: str = APP, secret: str = SECRET, **changes: Any
) -> str:
    """As the product mints them."""
    present = int(time.time())
    claims = {
        "jti": f"{KEY}-{present}",
        "iss": KEY,
        "sub": ACCOUNT,
        "iat": present,
        "exp": present + 600,
        "grants": {"identity": identity, "voice": {"outgoing": {"application_sid": app}}},
        **changes,
    }
    return jwt.encode(claims, secret, algorithm="HS256", headers={"cty": "twilio-fpa;v=1"})


class Browser:
    """A browser without a browser: PStream by aiohttp, audio by aiortc. ``hertz`` 0: silent."""

    def __init__(self, box: Box, hertz: int = 0) -> None:
        self.box = box
        self.ear = Ear()
        self.frames: list[dict[str, Any]] = []
        self.call_sid = ""
        self._clip = Clip(tone(1, hertz, level=8000), loop=True) if hertz else None
        self._out = Outgoing()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Browser:
        self.session = aiohttp.ClientSession()
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc.addTrack(self._out)
        self.pc.on("track", lambda track: self._start(self._listen(track)))
        await self.connect()
        return self

    async def connect(self) -> None:
        """Open the socket (again)."""
        self.socket = await self.session.ws_connect(f"{self.box.url}/signal")
        self._start(self._receive(self.socket))

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self.socket.close()
        await self.pc.close()
        await self.session.close()

    def _start(self, work: Any) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.data == "\n":
                await socket.send_str("\n")
                continue
            self.frames.append(json.loads(message.data))

    async def _listen(self, track: Any) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.ear.hear(array("h", bytes(frame.planes[0])[: 2 * frame.samples]))

    async def _speak(self) -> None:
        while True:
            frame = self._clip.next() if self._clip else SILENCE
            self._out.put(frame or SILENCE)
            await asyncio.sleep(0.02)

    async def send(self, kind: str, **payload: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    async def wait(self, kind: str, seconds: float = 8) -> dict[str, Any]:
        """The next frame of this type; earlier ones are dropped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            while self.frames:
                frame = self.frames.pop(0)
                if frame["type"] == kind:
                    return dict(frame["payload"])
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {kind} came")

    async def listen(self, token: str | None = None) -> None:
        await self.send("listen", token=token or access_token())

    async def invite(self, **params: str) -> None:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        await self.send(
            "invite",
            callsid="TJSabc",
            sdp=self.pc.localDescription.sdp,
            twilio={"params": urlencode(params)},
        )

    async def call(self, **params: str) -> None:
        """listen, invite, until there is audio."""
        await self.listen(access_token(params.pop("identity", "agent_1")))
        await self.wait("connected")
        await self.invite(**params)
        self.call_sid = (await self.wait("ringing"))["callsid"]
        answer = await self.wait("answer")
        self.reconnect = answer["reconnect"]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._start(self._speak())
