"""Production as the Procfile starts it: a call, its log, what is away, and an orderly end."""

import contextlib
import json
import select
import socket
import subprocess
import threading
from typing import Any

import pytest
import requests

from voip_crm.tests import harness
from voip_crm.tests.environment import free_port
from voip_crm.tests.production import ELSEWHERE, PROCFILE, Production


def test_a_call_is_placed_heard_live_and_logged_without_secrets(
    production: Production, bob: Any, eventually: Any
) -> None:
    before = len(production.log())
    page = bob.get(f"{production.url}/calls", headers={"X-Request-ID": "bobs-request-1"})
    assert page.headers["X-Request-ID"] == "bobs-request-1"
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert all(cookie.secure for cookie in bob.cookies)

    ticket = bob.post(f"{production.url}/calls/live-ticket").json()["ticket"]
    production.secrets.add(ticket)
    stream = bob.get(f"{production.url}/live", params={"ticket": ticket}, stream=True, timeout=60)
    heard: list[Any] = []

    def listen() -> None:
        with contextlib.suppress(requests.RequestException):  # it ends with its server
            for line in stream.iter_lines(chunk_size=1):
                if line.startswith(b"data:"):
                    heard.append(json.loads(line[5:]))

    threading.Thread(target=listen, daemon=True).start()
    request_id = production.connect_agent(bob)
    answer = bob.post(
        f"{production.url}/api/twilio/make-call",
        json={"clientRequestId": request_id, "to": "+14155550100"},
    )
    assert answer.status_code == 201, answer.text
    call = answer.json()
    where = f"{production.url}/api/twilio/call-logs/{call['callLogId']}"
    # Not too often: the API allows 300 questions a minute.
    eventually(lambda: bob.get(where).json()["status"] == "in-progress", every=0.5)
    eventually(lambda: [event for event in heard if event["type"] != "resync"])
    production.sandbox.hangup(call["callSid"])
    eventually(lambda: bob.get(where).json()["status"] == "completed", every=0.5)
    url = eventually(lambda: bob.get(where).json()["recordingUrl"], 60, 0.5)
    audio = bob.get(url).content
    assert audio[:4] == b"RIFF"
    _is_sent_by_the_proxy(production, bob, url, audio)

    told = [line for line in production.log() if line.get("call_sid") == call["callSid"]]
    hooks = [line for line in told if line["message"] == "POST /api/twilio/call-status 204"]
    assert len(hooks) >= 3 and len({line["tenant"] for line in hooks}) == 1
    asked = {line["request_id"] for line in production.log() if "status" in line}
    assert "bobs-request-1" in asked
    fetched = [line for line in production.log() if "fetch_recording" in line.get("task", "")]
    assert fetched and fetched[-1]["tenant"] == hooks[0]["tenant"]
    assert {line["request_id"] for line in fetched} & asked, "no task has its request's id"
    ours = production.log()[before:]
    users = {line.get("user") for line in ours if "make-call" in line["message"]}
    assert len(users) == 1 and None not in users

    text = production.processes.log("honcho", 10**6)
    assert not [secret for secret in production.secrets if secret in text]
    faults = [line["exception"][-1500:] for line in production.log() if "exception" in line]
    assert [fault for fault in faults if not is_told_again(fault)] == []
    assert not [line for line in text.splitlines() if line.startswith("Traceback")]


def _is_sent_by_the_proxy(production: Production, bob: Any, url: str, audio: bytes) -> None:
    """It reads the range; what web answers says only where the file is."""
    part = bob.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, audio[4:8])
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(audio)}"
    told = {"Cache-Control": "private, no-store", "Content-Type": "audio/wav"}
    assert told.items() <= part.headers.items()
    assert part.headers["Content-Disposition"].startswith('inline; filename="call-')
    assert bob.head(url).status_code == 405
    web = url.replace(production.url, f"http://127.0.0.1:{production.environment['PORT']}")
    origin = {"Host": production.url.partition("//")[2], "X-Forwarded-Proto": "https"}
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in bob.cookies)
    answer = requests.get(web, headers=origin | {"Cookie": cookies}, timeout=20)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-Accel-Redirect"].startswith("/stored-recordings/")


def is_told_again(fault: str) -> bool:
    """On a machine that stands still for seconds PostgreSQL is late, however that shows; the event
    is told to come again, and does. Two that wait for each other are a fault of ours.
    """
    return "OperationalError" in fault.splitlines()[-1] and "deadlock" not in fault


def test_plain_http_is_sent_on_to_https(production: Production, bob: Any) -> None:
    web = f"http://127.0.0.1:{production.environment['PORT']}"
    host = {"Host": production.url.partition("//")[2]}
    answer = bob.get(f"{web}/calls", headers=host, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{production.url}/calls")
    assert bob.get(f"{web}/healthz", headers=host, allow_redirects=False).text == "ok\n"


def test_clients_that_never_send_their_body_stop_nobody_else(production: Production) -> None:
    """As many as there are processes, past the proxy, which would keep them from us."""
    where = ("127.0.0.1", int(production.environment["PORT"]))
    host = production.url.partition("//")[2]
    head = (
        f"POST /api/twilio/voice-webhook HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\n"
        "X-Twilio-Signature: forged\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 60000\r\n\r\n"
    )
    processes = int(production.environment.get("WEB_WORKERS", 2))
    with contextlib.ExitStack() as opened:
        stalled = [opened.enter_context(socket.create_connection(where)) for _ in range(processes)]
        for connection in stalled:
            connection.sendall(head.encode())
        # Each on a connection of its own, so that every process has its turn.
        for _ in range(20):
            web = f"http://127.0.0.1:{where[1]}/healthz"
            answer = requests.get(web, headers={"Host": host}, timeout=10)
            assert answer.text == "ok\n"
        assert select.select(stalled, [], [], 0)[0] == []
        for connection in stalled:
            connection.sendall(b"x" * 60000)
            connection.settimeout(20)
            assert connection.recv(100).startswith(b"HTTP/1.1 403")


def test_a_server_is_not_ready_without_its_database_or_redis(
    production: Production, eventually: Any
) -> None:
    port = str(free_port())
    options = ["--port", port, "--lifespan", "off", "--no-access-log"]
    ours = {name: production.environment[name] for name in ("PUBLIC_BASE_URL", "SECRET_KEY")}
    ours |= {name: production.environment[name] for name in ("DATABASE_URL", "REDIS_URL")}
    ours |= {"ALLOWED_HOSTS": "localhost"}
    production.processes.start(
        "asgi", "-m", "uvicorn", "voip_crm.asgi:application", *options, **ours
    )
    production.processes.wait_for("asgi", f"http://localhost:{port}/healthz")
    session = production.session()
    granian, uvicorn = production.url, f"http://localhost:{port}"

    def state(site: str) -> tuple[int, bool, bool]:
        answer = session.get(f"{site}/readyz")
        return answer.status_code, answer.json()["database"], answer.json()["broker"]

    def both_are(*wanted: Any) -> bool:
        return state(granian) == wanted and state(uvicorn) == wanted

    def live() -> int:
        return session.get(f"{granian}/live/readyz").status_code

    eventually(lambda: both_are(200, True, True))
    production.redis.kill()
    eventually(lambda: both_are(503, True, False) and live() == 503)
    production.redis.start()
    eventually(lambda: both_are(200, True, True) and live() == 200)

    with production.connect(ELSEWHERE) as administration:
        administration.execute(f'ALTER DATABASE "{production.name}" ALLOW_CONNECTIONS false')
        administration.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [production.name],
        )
        try:
            eventually(lambda: both_are(503, False, True))
            assert session.get(f"{granian}/healthz").status_code == 200
            hook = production.webhook("/api/twilio/call-status", CallSid="CA" + "0" * 32)
            assert hook.status_code == 503  # so that Twilio sends it again
        finally:
            administration.execute(f'ALTER DATABASE "{production.name}" ALLOW_CONNECTIONS true')
    eventually(lambda: both_are(200, True, True))
    production.processes.stop("asgi")


def test_a_wrong_setting_ends_each_process_with_its_name(production: Production) -> None:
    wrong = production.environment | {"REDIS_URL": ""}
    started = {
        name: subprocess.Popen(["sh", "-c", command], env=wrong, stderr=subprocess.PIPE, text=True)
        for name, command in PROCFILE.items()
        if name != "release"
    }
    for name, process in started.items():
        _, error = process.communicate(timeout=120)  # four start at once
        assert process.returncode != 0
        said = [line for line in error.splitlines() if "REDIS_URL" in line]
        assert len(said) == 1 and said[0].startswith("voip_crm.E005"), (name, error)


def test_no_process_outlives_a_killed_master(production: Production, eventually: Any) -> None:
    """Granian's and Celery's, which nothing would look after, and which hold port and tasks."""
    port = str(free_port())
    ours = production.environment | {"PORT": port, "WEB_WORKERS": "1", "WORKER_PROCESSES": "1"}
    masters = [
        subprocess.Popen(
            ["sh", "-c", PROCFILE[name]],
            env=ours,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("web", "worker")
    ]
    # Their first children: of Granian also Python's tracker of resources, which leaves by itself.
    eventually(lambda: harness.answers(f"http://127.0.0.1:{port}/healthz"), 60)
    eventually(lambda: all(harness.children_of(master.pid) for master in masters), 60)
    children = {pid for master in masters for pid in harness.children_of(master.pid)}
    for master in masters:
        master.kill()
        master.wait()
    eventually(lambda: not harness.alive(children))
    with pytest.raises(OSError):
        requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
