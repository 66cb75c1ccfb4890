"""A running sandbox with an application to call, and clients that speak to it like Twilio's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from aiohttp import web
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.config import parse
from sandbox.server import Server
from sandbox.tests.application import Application

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


async def eventually(check: Callable[[], Any], seconds: float = 8, what: str = "") -> Any:
    """``until`` for coroutines; ``check`` runs in a thread, as it may speak HTTP."""
    return await asyncio.to_thread(until, check, seconds, what)
