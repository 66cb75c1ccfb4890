"""A browser's audio: one WebRTC connection, PCMU, 20 ms frames both ways."""

from __future__ import annotations

import asyncio
import contextlib
import re
from array import array
from collections import deque
from collections.abc import Callable
from fractions import Fraction

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from sandbox.media.audio import FRAME, RATE, SILENCE, Ear, Samples

OUT_QUEUE_FRAMES = 3  # more would start every call with a burst, heard as delay
IN_QUEUE_FRAMES = 8
PREFILL_FRAMES = 2


_addresses = aioice.ice.get_host_addresses


def stay_on_this_machine() -> None:
    """Media go from one of its own addresses to another, and so never leave it. Without a network
    there is only 127.0.0.1, which aioice by itself skips; and Firefox speaks to the others only.
    """

    def own(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return ["127.0.0.1", *_addresses(True, False)]

    aioice.ice.get_host_addresses = own


def only_pcmu(sdp: str) -> str:
    """The offer reduced to PCMU, as the mixer speaks nothing else."""
    lines = []
    for line in sdp.splitlines():
        if line.startswith("m=audio"):
            line = " ".join([*line.split()[:3], "0"])
        payload = re.match(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+)", line)
        if payload is None or payload.group(1) == "0":
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


class Outgoing(MediaStreamTrack):
    """What the browser hears. The mixer's clock is the clock: ``recv`` waits for a frame."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue: asyncio.Queue[Samples] = asyncio.Queue()
        self._pts = 0

    def put(self, frame: Samples) -> None:
        """Queue a frame; the oldest goes when the browser's side cannot keep up."""
        if self._queue.qsize() >= OUT_QUEUE_FRAMES:
            self._queue.get_nowait()
        self._queue.put_nowait(frame)

    async def recv(self) -> AudioFrame:
        """The next frame for the encoder."""
        if self.readyState != "live":
            raise MediaStreamError
        samples = await self._queue.get()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts = self._pts
        frame.time_base = Fraction(1, RATE)
        self._pts += FRAME
        return frame


class BrowserPeer:
    """One browser's leg. ``on_lost`` is called once when media died without a hang-up."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self.ear = Ear()
        self.digits = ""
        self._out = Outgoing()
        self._in: deque[Samples] = deque(maxlen=IN_QUEUE_FRAMES)
        self._flowing = False
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pc.addTrack(self._out)
        self._reader: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

        @self._pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._reader = asyncio.ensure_future(self._listen(track))

        @self._pc.on("connectionstatechange")
        def on_state() -> None:
            if self._pc.connectionState in ("failed", "closed") and self._closing is None:
                on_lost()

    async def answer(self, offer: str) -> str:
        """The answer SDP with all candidates (there is no trickle). Also serves ICE restarts."""
        await self._pc.setRemoteDescription(RTCSessionDescription(only_pcmu(offer), "offer"))
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        return self._pc.localDescription.sdp

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if not isinstance(frame, AudioFrame):
                    continue
                samples = array("h", bytes(frame.planes[0])[: 2 * frame.samples])
                for start in range(0, len(samples) - FRAME + 1, FRAME):
                    self._in.append(samples[start : start + FRAME])

    def read(self) -> Samples:
        """What the microphone said; a small buffer evens out the network."""
        if not self._flowing and len(self._in) < PREFILL_FRAMES:
            return SILENCE
        self._flowing = bool(self._in)
        return self._in.popleft() if self._in else SILENCE

    def write(self, frame: Samples) -> None:
        """What the browser shall hear."""
        self.ear.hear(frame)
        self._out.put(frame)

    def digit(self, digits: str) -> None:
        """Keys pressed by the other side."""
        self.digits += digits

    def cut(self) -> None:
        """From now on the network loses each packet of this leg, both ways; nobody is told."""

        def lose(*_: object) -> None:
            pass

        for transceiver in self._pc.getTransceivers():
            for protocol in transceiver.sender.transport.transport._connection._protocols:
                for end, name in ((protocol, "datagram_received"), (protocol.transport, "sendto")):
                    setattr(end, name, lose)

    def close(self) -> None:
        """Close the connection in the background; twice is harmless."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())

    async def _close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self._out.stop()
        await self._pc.close()
