"""Delivery: time-outs, retries and fallback as the URL's fragment and Twilio's defaults say."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from sandbox.config import Account
from sandbox.tests.application import Application, Request
from sandbox.wire.faults import Faults
from sandbox.wire.log import WireLog
from sandbox.wire.webhooks import Answer, Override, TwimlUnavailable, Webhooks

ACCOUNT = Account("AC1", "token")


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    yield made
    made.close()


def deliver(url: str) -> Answer:
    async def run() -> Answer:
        hooks = Webhooks(WireLog(), Faults())
        try:
            return await hooks.fetch(ACCOUNT, url, "POST", {"a": "1"})
        finally:
            await hooks.close()

    return asyncio.run(run())


def ask(url: str) -> str | int:
    """TwiML or the error code."""

    async def run() -> str | int:
        hooks = Webhooks(WireLog(), Faults())
        try:
            return await hooks.twiml(ACCOUNT, url, "POST", {})
        except TwimlUnavailable as error:
            return error.code
        finally:
            await hooks.close()

    return asyncio.run(run())


def failing(status: int, times: int) -> Callable[[BaseHTTPRequestHandler, Request], bool]:
    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        nonlocal times
        times -= 1
        if times >= 0:
            handler.reply(status, b"", "text/plain")  # type: ignore[attr-defined]
        return times >= 0

    return behave


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_defaults_and_fragment() -> None:
    plain = Override.of("https://a.example/x")
    assert (plain.retries, plain.connect, plain.read) == (1, 5.0, 15.0)
    assert plain.policy == {"ct"}
    asked = Override.of("https://a.example/x#rc=5&rp=all&ct=2000&rt=3000&tt=9000")
    assert (asked.retries, asked.connect, asked.read, asked.total) == (5, 2.0, 3.0, 9.0)
    assert asked.policy == {"4xx", "5xx", "ct", "rt"}
    assert Override.of("https://a.example/x#rc=9&ct=1").retries == 1


def test_a_server_error_is_not_retried_by_default(application: Application) -> None:
    application.behave["/x"] = failing(500, 1)
    assert deliver(application.url + "/x").failure == "5xx"
    assert len(application.requests) == 1


def test_retries_that_were_asked_for_carry_one_token(application: Application) -> None:
    application.behave["/x"] = failing(503, 2)
    answer = deliver(application.url + "/x#rc=5&rp=all")
    assert (answer.status, answer.failure) == (204, "")
    assert len(application.requests) == 3
    assert len({r.headers["I-Twilio-Idempotency-Token"] for r in application.requests}) == 1
    assert "#" not in application.requests[0].path


def test_a_refused_connection_is_retried_once(application: Application) -> None:
    async def run() -> int:
        wire = WireLog()
        hooks = Webhooks(wire, Faults())
        await hooks.fetch(ACCOUNT, f"http://127.0.0.1:{closed_port()}/x", "POST", {})
        await hooks.close()
        return len(wire.since(0)[0]["attempts"])

    assert asyncio.run(run()) == 2


def test_a_slow_answer_is_a_read_timeout(application: Application) -> None:
    def slow(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        time.sleep(0.5)
        return False

    application.behave["/x"] = slow
    assert deliver(application.url + "/x#rt=100").failure == "rt"
    assert len(application.requests) == 1


def test_get_puts_the_parameters_into_the_query(application: Application) -> None:
    async def run() -> None:
        hooks = Webhooks(WireLog(), Faults())
        await hooks.fetch(ACCOUNT, application.url + "/x?b=2", "GET", {"a": "1"})
        await hooks.close()

    asyncio.run(run())
    assert application.requests[0].path == "/x?b=2&a=1"


@pytest.mark.parametrize(
    ("status", "kind", "size", "code"),
    [
        (200, "text/xml", 10, None),
        (200, "application/json", 10, 12300),
        (200, "text/xml", 70_000, 11750),
        (301, "text/xml", 10, 11200),
        (404, "text/xml", 10, 11200),
        (500, "text/xml", 10, 11200),
    ],
)
def test_what_is_no_twiml(
    application: Application, status: int, kind: str, size: int, code: int | None
) -> None:
    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        handler.reply(status, b"x" * size, kind)  # type: ignore[attr-defined]
        return True

    application.behave["/x"] = behave
    assert ask(application.url + "/x") == ("x" * size if code is None else code)
