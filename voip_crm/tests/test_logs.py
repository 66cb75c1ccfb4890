"""A log line is one line, says what it is about, and holds nothing secret."""

# ruff: noqa: F811  (fixtures are imported)

import json
import logging
import sys
from typing import Any

import pytest
from django.http import HttpResponse

from calls.tests.conftest import Scene, dialled, waiting, webhook  # noqa: F401
from tenants.bricks import log_context
from voip_crm import logs

FORMATTERS = [logs.JsonFormatter(), logs.PlainFormatter()]


def line(formatter: logging.Formatter, message: str, *words: object, **more: Any) -> str:
    return formatter.format(logging.LogRecord("room", 20, "", 0, message, words, None, **more))


@pytest.fixture(autouse=True)
def outside_of_any_request() -> Any:
    yield
    log_context.begin()


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("break_", ["\n", "\r", "\r\n", "\x85", "\u2028", "\x1b[2K", "\0"])
def test_no_message_forges_a_line(formatter: logging.Formatter, break_: str) -> None:
    written = line(formatter, "no such user %s", f"x{break_}2026-11-22 INFO forged")
    assert len(written.splitlines()) == 1 and "\x1b" not in written and "\0" not in written


def test_a_traceback_cannot_forge_one_either() -> None:
    try:
        raise ValueError("a\n2026-11-22T00:00:00.000Z INFO root: forged")
    except ValueError:
        record = logging.LogRecord("room", 40, "", 0, "broken", (), sys.exc_info())
    written = FORMATTERS[1].format(record).splitlines()
    assert all(part.startswith("    ") for part in written[1:]) and len(written) > 3
    assert "\n" not in FORMATTERS[0].format(record)


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer CANARY",
        "{'X-Twilio-Signature': 'CANARY'}",
        "sessionid=CANARY; csrftoken=CANARY",
        '{"password": "CANARY"}',
        "GET /live?ticket=CANARY&x=1",
        "connect to redis://user:CANARY@host:6379/0",  # pragma: allowlist secret
        "eyJhbGciOiJIUzI1NiJ9.CANARY.CANARY",
        "TWILIO_API_KEY_SECRET=CANARY",
    ],
)
def test_secrets_are_hidden(formatter: logging.Formatter, text: str) -> None:
    assert "CANARY" not in line(formatter, "failed: %s", text)
    assert "failed: " in line(formatter, "failed: %s", text)


def test_our_own_secrets_are_hidden_wherever_they_stand(monkeypatch: Any) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "f00dfeed")
    assert "f00dfeed" not in line(FORMATTERS[0], "odd: xf00dfeedx")


def test_a_line_says_what_it_is_about() -> None:
    log_context.begin(request_id="r1")
    log_context.bind(tenant="t1", call=None)
    told = json.loads(line(FORMATTERS[0], "hello"))
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "INFO",
        "logger": "room",
        "message": "hello",
        "request_id": "r1",
        "tenant": "t1",
    }
    assert line(FORMATTERS[1], "hello").endswith("INFO room: hello request_id=r1 tenant=t1")


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "a b c d e f", "é" * 10, 'a"b{c}d;e'])
def test_an_insane_request_id_is_replaced(client: Any, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given and len(answer.headers["X-Request-ID"]) == 32


def test_a_sane_request_id_is_kept(client: Any) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "proxy-1234.a"})
    assert answer.headers["X-Request-ID"] == "proxy-1234.a"


@pytest.fixture
def written(caplog: Any) -> Any:
    """`written()`: the JSON lines of the requests so far."""
    seen: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(json.loads(logs.JsonFormatter().format(record)))

    handler, level = Keep(), logs.requests.level
    logs.requests.addHandler(handler)
    logs.requests.setLevel(logging.INFO)
    yield lambda: seen
    logs.requests.removeHandler(handler)
    logs.requests.setLevel(level)


def test_a_webhooks_line_carries_its_tenant_and_its_call(
    dialled: Scene,
    webhook: Any,
    written: Any,
) -> None:
    leg = dialled.contact_leg
    assert leg
    tenant = dialled.room.tenant_id
    path = f"/api/twilio/call-status?tenant={tenant.hex}&leg={leg.pk.hex}"
    assert webhook(path, CallSid=leg.call_sid, CallStatus="ringing").status_code == 204
    [told] = written()
    assert told["message"] == "POST /api/twilio/call-status 204"
    assert (told["tenant"], told["call_sid"]) == (str(tenant), leg.call_sid)
    assert told["leg"] == str(leg.pk) and "room" not in told
    assert told["status"] == 204 and "ms" in told and told["request_id"]


def test_a_webhooks_line_carries_its_room(dialled: Scene, webhook: Any, written: Any) -> None:
    room = dialled.room
    path = f"/api/twilio/call-status?tenant={room.tenant_id.hex}&room={room.pk.hex}"
    assert webhook(path, StatusCallbackEvent="conference-start").status_code == 204
    [told] = written()
    assert told["room"] == str(room.pk) and "leg" not in told


def test_a_webhooks_line_carries_the_tenant_that_only_a_browsers_identity_tells(
    cast: Any, webhook: Any, written: Any
) -> None:
    news = {"From": f"client:{cast.bob.identity}", "CallStatus": "ringing"}
    assert webhook("/api/twilio/call-status", **news).status_code == 204
    [told] = written()
    assert told["tenant"] == str(cast.acme.pk)


@pytest.mark.parametrize("said", [None, "", "CA1", f"CA{'0' * 32}\nforged"])
def test_a_webhooks_line_repeats_no_sid_that_is_none(
    webhook: Any, written: Any, cast: Any, said: str | None
) -> None:
    fields = {} if said is None else {"CallSid": said}
    assert webhook("/api/twilio/call-status", **fields, CallStatus="ringing").status_code == 204
    [told] = written()
    assert "call_sid" not in told


def test_a_pages_line_carries_who_asked(cast: Any, signed_in: Any, written: Any) -> None:
    signed_in(cast.bob).get("/calls?search=secret")
    [told] = written()
    assert told["message"] == "GET /calls 200"
    assert (told["tenant"], told["user"]) == (str(cast.acme.pk), str(cast.bob.user_id))


def test_the_link_that_sets_a_password_is_not_logged(rf: Any, written: Any) -> None:
    from django.urls import resolve

    request = rf.get("/set-password/MQ/c0ffee-c0ffee/")
    request.resolver_match = resolve("/calls")
    request.resolver_match.kwargs = {"token": "c0ffee-c0ffee"}
    logs.RequestLogMiddleware(lambda _: HttpResponse())(request)
    assert [told["message"] for told in written()] == ["GET /set-password/[hidden] 200"]


def test_a_task_gets_the_id_of_its_request() -> None:
    from voip_crm import celery

    headers: dict[str, Any] = {}
    log_context.begin(request_id="r1")
    celery.send_request_id(headers=headers)
    assert headers == {"request_id": "r1"}
    log_context.begin()
    celery.send_request_id(headers=headers)
    assert len(headers["request_id"]) == 32
