"""Whatever address a webhook names or an answer redirects to: the fetch of a recording opens no
socket but to the gateway's host, and no credential goes elsewhere.
"""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from django.utils import timezone

from calls import gateway
from calls.gateway.accounts import shared_account
from calls.gateway.client import patiently, rest
from calls.models import Recording
from calls.services import recordings
from calls.tests.conftest import Scene, sid
from tenants.fence.context import tenant_transaction

# {evil} is host:port of a listener that notes who comes; {port} its port; {gateway} the gateway's.
ELSEWHERE = [
    "http://{evil}/x",
    "https://{evil}/x",
    "//{evil}/x",
    "http://localhost:{port}/x",
    "http://127.1:{port}/x",
    "http://2130706433:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://0177.0.0.1:{port}/x",
    "http://0:{port}/x",
    "http://[::1]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://{gateway}@{evil}/x",
    "http://{gateway}%00@{evil}/x",
    "http://{gateway}#@{evil}/x",
    "http://{gateway}\\@{evil}/x",
    "http://{evil}#{gateway}/x",
    "http://{evil}?{gateway}/x",
    "http://api.twilio.com@{evil}/x",
    "http://api.twilio.com.evil.example/x",
    "https://evil.example:443/x",
    "http://evil.example",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://10.0.0.1:5432/",
    "http://localhost:6379/FLUSHALL",
    "file:///etc/passwd",
    "gopher://{evil}/_x",
    "ftp://{evil}/x",
    "dict://{evil}/x",
    "data:audio/wav;base64,AAAA",
    "HTTP://{evil}/x",
    "http:/{evil}/x",
    "http:\\\\{evil}\\x",
    "\thttp://{evil}/x",
    "http://{gateway}/2010-04-01/../../x",
]
STATUSES = (301, 302, 303, 307, 308)


@dataclass
class Listener:
    """A real server on loopback: `seen` are (path, Authorization) of its requests."""

    answer: tuple[int, dict[str, str]] = (404, {})
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.seen.append((self.path, self.headers.get("Authorization")))
                status, headers = listener.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@dataclass
class Watch:
    """What was asked of the network."""

    gateway: Listener
    evil: Listener
    looked_up: set[tuple[str, Any]] = field(default_factory=set)
    connected: set[tuple[str, int]] = field(default_factory=set)

    def address(self, text: str) -> str:
        return text.format(evil=self.evil.host, port=self.evil.port, gateway=self.gateway.host)

    def assert_only_the_gateway(self) -> None:
        """It was asked, with our key; nobody else was even looked up."""
        assert self.gateway.seen, "the gateway was not asked at all"
        assert all((given or "").startswith("Basic ") for _, given in self.gateway.seen)
        assert self.evil.seen == []
        assert self.connected == {("127.0.0.1", self.gateway.port)}
        assert {str(host) for host, _ in self.looked_up} == {"127.0.0.1"}


@pytest.fixture(scope="module")
def listeners() -> Iterator[tuple[Listener, Listener]]:
    both = (Listener(), Listener())
    yield both
    for listener in both:
        listener.server.shutdown()
        listener.server.server_close()


@pytest.fixture
def watch(
    listeners: tuple[Listener, Listener], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Watch:
    for listener in listeners:
        listener.seen.clear()
        listener.answer = (404, {})
    watch = Watch(*listeners)
    settings.TWILIO_SANDBOX_URL = f"http://{watch.gateway.host}"
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def noted_look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if port in (watch.gateway.port, watch.evil.port) or not _is_ours(host):
            watch.looked_up.add((host, port))
        return look_up(host, port, *args, **options)

    def noted_connect(sock: socket.socket, address: Any) -> Any:
        # PostgreSQL's socket has a path, Redis a port of its own: what is left is HTTP.
        if sock.family != socket.AF_UNIX and address[:2] not in OWN_SERVICES:
            watch.connected.add(address[:2])
        return connect(sock, address)

    monkeypatch.setattr(socket, "getaddrinfo", noted_look_up)
    monkeypatch.setattr(socket.socket, "connect", noted_connect)
    return watch


def _is_ours(host: Any) -> bool:
    return host in {name for name, _ in OWN_SERVICES}


def _own_services() -> set[tuple[str, int]]:
    from django.conf import settings

    found = re.search(r"//([\w.]+):(\d+)/", settings.REDIS_URL)
    return {(found[1], int(found[2]))} if found else set()


OWN_SERVICES = _own_services()


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_a_posted_address_is_never_asked(
    dialled: Scene, webhook: Any, watch: Watch, tmp_path: Any, settings: Any, wanted: str
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    assert dialled.call
    query = f"?tenant={dialled.room.tenant_id}&call={dialled.call.pk}"
    posted = watch.address(wanted)
    answer = webhook(
        f"/api/twilio/recording-status{query}",
        RecordingSid=sid("RE"),
        RecordingUrl=posted,
        MediaUrl=posted,
        Url=posted,
        RecordingSource=posted,
        CallSid=dialled.call.twilio_call_sid or "",
        RecordingStatus="completed",
    )
    assert answer.status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        found = Recording.objects.get()
    recordings.fetch_recording(found.tenant_id, found.pk, now=timezone.now() + timedelta(seconds=1))
    watch.assert_only_the_gateway()
    assert [path for path, _ in watch.gateway.seen] == [
        f"/2010-04-01/Accounts/{found.account_sid}/Recordings/{found.sid}.wav"
    ]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_a_redirect_of_the_audio_is_never_followed(watch: Watch, wanted: str) -> None:
    for status in STATUSES:
        watch.gateway.seen.clear()
        watch.gateway.answer = (status, {"Location": watch.address(wanted)})
        with (
            pytest.raises(gateway.TwilioRefused),
            gateway.open_recording(shared_account(), sid("RE"), channels=1),
        ):
            pass
        assert len(watch.gateway.seen) == 1
        watch.assert_only_the_gateway()


@pytest.mark.parametrize("wanted", ELSEWHERE[:12])
def test_a_redirect_of_the_rest_api_is_never_followed(watch: Watch, wanted: str) -> None:
    for status in STATUSES:
        watch.gateway.answer = (status, {"Location": watch.address(wanted)})
        with pytest.raises(gateway.TwilioError):
            patiently(lambda: rest(shared_account()).calls(sid("CA")).recordings.list(limit=1))
    watch.assert_only_the_gateway()


def test_what_is_no_sid_asks_nobody(watch: Watch) -> None:
    for wanted in ELSEWHERE:
        posted = watch.address(wanted)
        with (
            pytest.raises(ValueError),
            gateway.open_recording(shared_account(), posted, channels=1),
        ):
            pass
    assert not watch.connected and not watch.looked_up


def test_without_the_sandbox_only_twilios_own_host_is_looked_up(
    watch: Watch, settings: Any
) -> None:
    settings.TWILIO_SANDBOX_URL = ""
    with (
        pytest.raises((gateway.TwilioError, OSError, RuntimeError)),
        gateway.open_recording(shared_account(), sid("RE"), channels=2),
    ):
        pass
    assert {host for host, _ in watch.looked_up} <= {"api.twilio.com"}
    assert not watch.evil.seen and not watch.gateway.seen


@pytest.mark.parametrize("wanted", ["http://{evil}/x", "http://localhost:{port}/x"])
def test_one_who_followed_redirects_would_be_found_out(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    """The control: the same assertion fails as soon as the guard is gone."""
    get = requests.Session.get

    def follow(session: Any, url: str, **options: Any) -> Any:
        return get(session, url, **options | {"allow_redirects": True})

    monkeypatch.setattr(requests.Session, "get", follow)
    watch.gateway.answer = (302, {"Location": watch.address(wanted)})
    with (
        pytest.raises(gateway.TwilioRefused),
        gateway.open_recording(shared_account(), sid("RE"), channels=1),
    ):
        pass
    assert watch.evil.seen, "the listener is there and hears who comes"
    with pytest.raises(AssertionError):
        watch.assert_only_the_gateway()
