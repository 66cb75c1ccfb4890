"""A running sandbox, an application that it calls, and clients that speak to it like Twilio's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import jwt
import requests
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.config import parse
from sandbox.media.audio import SILENCE, Clip, Ear, tone
from sandbox.media.peer import Outgoing
from sandbox.server import Server

ACCOUNT, TOKEN = "AC" + "1" * 32, "token-one"
OTHER_ACCOUNT, OTHER_TOKEN = "AC" + "2" * 32, "token-two"
KEY, SECRET = "SK" + "1" * 32, "secret-of-the-key-that-is-long-enough"
APP, NUMBER_SID = "AP" + "1" * 32, "PN" + "1" * 32
OURS = "+15550001000"
RING_SECONDS = 0.1


def phone(ending: str) -> str:
    """A number whose handset behaves as its last three digits say."""
    return "+15550009" + ending


def until(check: Callable[[], Any], seconds: float = 8, what: str = "") -> Any:
    """The first truthy result of ``check``; AssertionError when it does not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError(f"in vain: {what or check}")


class Request:
    """One request that the sandbox made."""

    def __init__(self, path: str, params: dict[str, str], headers: Any, method: str) -> None:
        self.path = path
        self.params = params
        self.headers = headers
        self.method = method


class Application:
    """A local receiver of webhooks. ``twiml`` maps paths to bodies, ``behave`` to functions."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.twiml: dict[str, str] = {}
        self.behave: dict[str, Callable[[BaseHTTPRequestHandler, Request], bool]] = {}
        application = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                params = query | dict(parse_qsl(body, keep_blank_values=True))
                request = Request(self.path, params, self.headers, self.command)
                application.requests.append(request)
                special = application.behave.get(parts.path)
                if special is not None and special(self, request):
                    return
                text = application.twiml.get(parts.path)
                self.reply(200 if text else 204, (text or "").encode(), "text/xml")

            do_GET = do_POST = _serve

            def reply(self, status: int, body: bytes, kind: str) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def to(self, path: str) -> list[Request]:
        """Requests of this path, in order of arrival."""
        return [r for r in self.requests if urlsplit(r.path).path == path]

    def events(self, path: str) -> list[str]:
        """What the callbacks of this path announced, in the order in which they were fired."""
        found = sorted(self.to(path), key=lambda r: int(r.params.get("SequenceNumber", 0)))
        return [r.params.get("StatusCallbackEvent") or r.params["CallStatus"] for r in found]


class SandboxHttpClient(TwilioHttpClient):
    """Sends what is meant for twilio.com to the sandbox."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self.base = urlsplit(base_url)
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kw: Any) -> Any:
        parts = urlsplit(url)
        if not (parts.hostname or "").endswith(".twilio.com"):
            raise ValueError(url)
        target = urlunsplit((self.base.scheme, self.base.netloc, parts.path, parts.query, ""))
        return super().request(method, target, *args, **kw)


class Box:
    """A sandbox in a thread of its own, with an Application to call."""

    def __init__(self, data_dir: str, **settings: Any) -> None:
        self.application = Application()
        url = self.application.url
        self.config = parse(
            {
                "accounts": [
                    {
                        "sid": ACCOUNT,
                        "auth_token": TOKEN,
                        "friendly_name": "One",
                        "api_keys": [{"sid": KEY, "secret": SECRET}],
                        "applications": [
                            {
                                "sid": APP,
                                "friendly_name": "App",
                                "voice_url": f"{url}/voice#rc=2&rp=all",
                                "status_callback": f"{url}/app-status",
                            }
                        ],
                        "numbers": [
                            {
                                "sid": NUMBER_SID,
                                "phone_number": OURS,
                                "voice_url": f"{url}/inbound",
                                "status_callback": f"{url}/number-status",
                            }
                        ],
                    },
                    {"sid": OTHER_ACCOUNT, "auth_token": OTHER_TOKEN},
                ],
                "data_dir": data_dir,
                "ring_seconds": RING_SECONDS,
                "geo_blocked_prefixes": ["+979"],
                "blocked_numbers": ["+15550006666"],
                **settings,
            }
        )
        self.server = Server(self.config)
        self.loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        started = threading.Event()

        async def serve() -> None:
            runner = web.AppRunner(self.server.app, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self.config.base_url = self.url
            started.set()
            await self._stop.wait()
            await runner.cleanup()

        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(),))
        self._thread.start()
        started.wait(5)
        self.http = requests.Session()
        self.http.trust_env = False
        self.client = self.twilio(ACCOUNT, TOKEN)

    def twilio(self, sid: str, token: str, account: str | None = None) -> Client:
        http = SandboxHttpClient(self.url)
        return Client(sid, token, account, http_client=http)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        self.http.close()
        self.application.close()
        assert not self._thread.is_alive(), "the sandbox did not stop"

    def inspect(self, path: str) -> Any:
        return self.http.get(f"{self.url}/sandbox/{path}").json()

    def command(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(f"{self.url}/sandbox/{path}", json=body or {})
        assert answer.status_code < 300, answer.text
        return answer.json()

    def fault(self, kind: str, **order: Any) -> Callable[[], int]:
        """Order a fault; the function returned says how often it fired."""
        made = self.command("faults", {"kind": kind, **order})

        def fired() -> int:
            faults = self.inspect("faults")["faults"]
            return sum(f["fired"] for f in faults if f["id"] == made["id"])

        return fired

    def alerts(self) -> list[int]:
        return [e["code"] for e in self.inspect("wire")["entries"] if e["kind"] == "alert"]

    def reset(self) -> None:
        """Between tests: hang up, forget requests and faults."""
        self.http.delete(f"{self.url}/sandbox/faults")
        for conference in list(self.server.exchange.rooms.values()):
            self.loop.call_soon_threadsafe(conference.end, "conference-ended-via-api")
        for call in list(self.server.exchange.live.values()):
            self.loop.call_soon_threadsafe(call.end, "completed")
        room = self.server.exchange
        until(lambda: room.idle)
        application = self.application
        application.twiml.clear()
        application.behave.clear()
        application.requests.clear()

    def dial(self, room: str, ending: str = "100", **options: Any) -> Any:
        """participants.create with callbacks to /status."""
        options = {
            "status_callback": f"{self.application.url}/status",
            "status_callback_event": ["initiated", "ringing", "answered", "completed"],
            "beep": "false",
            **options,
        }
        return self.client.conferences(room).participants.create(
            from_=OURS, to=phone(ending), **options
        )

    def status(self, call_sid: str) -> str:
        return str(self.client.calls(call_sid).fetch().status)


def conference_twiml(application: Application, name: str, **attributes: str) -> str:
    """<Dial><Conference> with its events sent to /conference."""
    found = {
        "beep": "false",
        "waitUrl": "",
        "statusCallback": f"{application.url}/conference",
        "statusCallbackEvent": "start end join leave mute hold modify",
        **attributes,
    }
    text = " ".join(f'{key}="{value}"' for key, value in found.items())
    return f"<Response><Dial><Conference {text}>{name}</Conference></Dial></Response>"


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
        from array import array

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


async def eventually(check: Callable[[], Any], seconds: float = 8, what: str = "") -> Any:
    """``until`` for coroutines; ``check`` runs in a thread, as it may speak HTTP."""
    return await asyncio.to_thread(until, check, seconds, what)
