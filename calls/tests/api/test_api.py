"""The API as a whole: its contract, its limits, and whatever nonsense it is sent."""

import json
import re
from typing import Any

import pytest
import requests
import schemathesis
from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies
from rest_framework.throttling import UserRateThrottle
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from calls import urls
from calls.api import throttles
from calls.api.errors import HTTP_STATUS
from calls.api.throttles import PersonThrottle, ReadThrottle
from calls.selectors import call_logs
from calls.tests.api.test_call_logs import ADDED, CALL_LOGS, DESCRIBED, DETAILS, make_call
from calls.webhooks.signed_posts import TwilioWebhook
from tenants.bricks.breaker import Breaker

AXE = django_settings.BASE_DIR / "static" / "vendor" / "axe-core-4.14.1.min.js"
ACCESS_TOKEN, MAKE_CALL = "/api/twilio/access-token", "/api/twilio/make-call"
WEBHOOKS = [
    f"/api/twilio/{str(pattern.name).replace('_', '-')}"
    for pattern in urls.urlpatterns
    if issubclass(getattr(pattern.callback, "cls", object), TwilioWebhook)
]
ENDPOINTS = [
    ("POST", ACCESS_TOKEN),
    ("POST", MAKE_CALL),
    ("GET", CALL_LOGS),
    ("GET", CALL_LOGS + "/{call_id}"),
    *(("POST", path) for path in WEBHOOKS),
]
# What an answer's body is named, and where it stands.
NAMES = {
    "AccessTokenAnswer": {"token", "identity", "expiresIn", "expiresAt", "edge"},
    "MakeCallRequest": {
        *("to", "contactId", "fromNumberId", "clientRequestId", "agentMode", "related"),
    },
    "MakeCallAnswer": {
        *("callSid", "callLogId", "status", "direction", "fromNumber", "toNumber"),
        *("contact", "startedAt", "recording"),
    },
    "CallLogPage": {"data", "total", "totalCapped", "page", "limit", "hasMore", "nextCursor"},
    "CallLog": DESCRIBED | ADDED,
    "CallDetail": DESCRIBED | ADDED | DETAILS,
}
PARAMETERS = {"direction", "status", "outcome", "userId", "contactId", "q", "dateFrom", "dateTo"}
PARAMETERS |= {"hasRecording", "page", "limit", "before"}


@pytest.fixture
def schema(client: Client) -> Any:
    return client.get("/api/schema").json()


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


# --- the contract ----------------------------------------------------------------------------


def test_the_schema_is_valid_and_complete(capsys: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert "openapi: 3" in capsys.readouterr().out


def test_the_schema_describes_the_seven_endpoints_by_their_names(schema: Any) -> None:
    described = {
        (method.upper(), path) for path, methods in schema["paths"].items() for method in methods
    }
    assert described == set(ENDPOINTS)
    assert len(ENDPOINTS) >= 7
    components = schema["components"]["schemas"]
    for name, expected in NAMES.items():
        assert set(components[name]["properties"]) == expected, name
    parameters = schema["paths"][CALL_LOGS]["get"]["parameters"]
    assert {each["name"] for each in parameters} == PARAMETERS
    assert set(schema["components"]["securitySchemes"]) == {"clerk", "cookieAuth"}


def test_the_schema_and_the_guide_name_every_error(schema: Any) -> None:
    documented: dict[str, int] = {}
    for methods in schema["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                body = answer.get("content", {}).get("application/json", {}).get("schema", {})
                error = body.get("properties", {}).get("error", {"properties": {}})
                for each in error["properties"].get("code", {"enum": ()})["enum"]:
                    documented[each] = int(status)
    of_no_endpoint = {"not_found", "method_not_allowed", "too_large", "internal_error"}
    assert documented == {
        name: status for name, status in HTTP_STATUS.items() if name not in of_no_endpoint
    }
    guide = (django_settings.BASE_DIR / "docs" / "api.md").read_text()
    assert dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", guide, re.M)) == {
        name: str(status) for name, status in HTTP_STATUS.items()
    }
    for name in (*PARAMETERS, *set().union(*NAMES.values())):
        assert re.search(rf"\b{name}\b", guide), name


def test_unknown_addresses_and_methods_answer_in_json(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    for path in (
        "/api",
        "/api/",
        "/api/twilio",
        "/api/twilio/nothing",
        "/api/twilio/call-logs/a/b",
    ):
        assert code(client.get(path)) == (404, "not_found")
        assert code(client.post(path, "{", content_type="x/y")) == (404, "not_found")
    assert code(client.delete(CALL_LOGS)) == (405, "method_not_allowed")
    assert code(client.get(CALL_LOGS, headers={"Accept": "text/html"})) == (406, "not_acceptable")
    assert code(client.post(MAKE_CALL, {"a": "b"})) == (415, "unsupported_media_type")
    for body in ("{", "[" * 60_000, "[" * 70_000, b"\xff", "NaN", '{"to": "' + "1" * 70_000 + '"}'):
        response = client.post(MAKE_CALL, body, content_type="application/json")
        assert code(response) == (400, "parse_error"), body[:9]
    odd = client.post(MAKE_CALL, r'{"\ud800": 1}', content_type="application/json")
    assert code(odd) == (400, "invalid_request")
    for path in (CALL_LOGS, CALL_LOGS + "/", "/api/schema/"):
        assert client.get(path).status_code == 200, path


def test_the_page_of_the_api_has_every_endpoint_and_no_script_of_its_own(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    headings = [re.sub(r"<[^>]*>", "", each) for each in re.findall(r"<h[23].*?</h[23]>", page)]
    for method, path in ENDPOINTS:
        assert f"{method} {path}" in headings
    assert "tenantId" in page and "call_not_found" in page and "one of INBOUND, OUTBOUND" in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=", page)


def test_the_page_of_the_api_keeps_to_the_content_policy_and_can_be_read(page: Any) -> None:
    # The page fixture fails on anything the console complains of, as on a violation.
    page.goto("/api/docs")
    assert page.get_by_role("heading", name=CALL_LOGS).count() == 2
    page.evaluate(AXE.read_text())
    violations = page.evaluate("axe.run()")["violations"]
    assert not [(each["id"], each["nodes"][0]["target"]) for each in violations]


# --- limits ----------------------------------------------------------------------------------


def test_whoever_asks_too_often_is_told_how_long_to_wait(
    cast: Any, signed_in: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(ReadThrottle, "rate", "2/min")
    client = signed_in(cast.bob)
    assert [client.get(CALL_LOGS).status_code for _ in range(2)] == [200, 200]
    refused = client.get(CALL_LOGS)
    assert code(refused) == (429, "throttled")
    seconds = refused.json()["error"]["details"]["retryAfter"]
    assert 1 <= seconds <= 60 and refused.headers["Retry-After"] == str(seconds)
    assert client.post(ACCESS_TOKEN, {}, content_type="application/json").status_code == 200
    assert signed_in(cast.alice).get(CALL_LOGS).status_code == 200, "another person may"


def test_requests_are_not_refused_while_the_cache_is_away(
    cast: Any, signed_in: Any, monkeypatch: Any, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    asked: list[int] = []
    allow = UserRateThrottle.allow_request

    def counted(*args: Any) -> bool:
        asked.append(1)
        return bool(allow(*args))

    monkeypatch.setattr(UserRateThrottle, "allow_request", counted)
    monkeypatch.setattr(throttles, "redis", Breaker("Redis", seconds=30))
    monkeypatch.setattr(ReadThrottle, "cache", caches["default"])
    client = signed_in(cast.bob)
    assert [client.get(CALL_LOGS).status_code for _ in range(3)] == [200] * 3
    assert len(asked) == 1, "a cache that is away is not asked each time"


def test_a_database_that_cannot_answer_is_busy(cast: Any, signed_in: Any, monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(call_logs, "page", fail)
    response = signed_in(cast.bob).get(CALL_LOGS)
    assert code(response) == (503, "unavailable")
    assert response.headers["Retry-After"] == "5"
    assert "statement" not in response.content.decode()


# --- nonsense --------------------------------------------------------------------------------

FUZZ = settings(
    max_examples=60,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
CHECKS += [response_schema_conformance]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS[:4])
def test_whatever_is_asked_is_answered_as_the_schema_says(
    cast: Any, signed_in: Any, schema: Any, monkeypatch: Any, method: str, path: str, mode: Any
) -> None:
    monkeypatch.setattr(PersonThrottle, "allow_request", lambda *_: True)
    known = make_call(cast.acme, contact=cast.acme_maria)
    client = signed_in(cast.bob)
    operation = schemathesis.openapi.from_dict(schema)[path][method]
    seen: set[int] = set()

    # The other two are given one value.
    @settings(FUZZ, max_examples=60 if path in (MAKE_CALL, CALL_LOGS) else 25)
    @given(case=operation.as_strategy(mode), knows=strategies.booleans())
    def ask(case: schemathesis.Case, knows: bool) -> None:
        if knows and case.path_parameters:
            case.path_parameters["call_id"] = str(known.pk)
        response = send(client, case)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    if mode.is_positive and path != MAKE_CALL:  # there nobody waits in a room: 409
        assert 200 in seen


def send(client: Client, case: Any) -> schemathesis.Response:
    """Through Django's client, with its session in place of the invented credentials."""
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body, default=lambda _: 0)
    asked = requests.Request(
        case.method,
        "http://testserver" + case.formatted_path,
        params=case.query or None,
        data=b"" if case.media_type is None else body,
    ).prepare()
    answer = client.generic(
        case.method,
        asked.path_url,
        asked.body or b"",
        content_type=case.media_type or "application/json",
    )
    headers = {name.lower(): [value] for name, value in answer.headers.items()}
    return schemathesis.Response(answer.status_code, headers, answer.content, asked, 0, True)


@pytest.mark.parametrize("path", [path for _, path in ENDPOINTS[:4]])
def test_whatever_authorization_is_shown_is_refused(cast: Any, settings: Any, path: str) -> None:
    settings.CLERK_ISSUER, settings.CLERK_JWKS_URL = "https://x.example", "http://127.0.0.1:9/"

    @FUZZ
    @given(strategies.sampled_from(["Bearer ", "bearer", ""]), strategies.text(max_size=60))
    def ask(scheme: str, text: str) -> None:
        shown = (scheme + text).encode("utf-8", "replace").decode("latin-1")
        assert Client().get(path, headers={"Authorization": shown}).status_code in (401, 405, 503)

    ask()


FIELDS = ["AccountSid", "CallSid", "CallStatus", "From", "To", "Timestamp", "SequenceNumber"]
FIELDS += ["StatusCallbackEvent", "ConferenceSid", "ParticipantLabel", "RecordingSid"]
FIELDS += ["RecordingStatus", "RecordingDuration", "CallDuration", "clientRequestId", "ErrorCode"]
VALUES = ["completed", "in-progress", "participant-join", "0", "-1", "9" * 30, "CA" + "a" * 32]
VALUES += ["RE" + "b" * 32, "client:x", "Fri, 31 Dec 9999 23:59:59 -0100", "\0", "٣"]


@pytest.mark.parametrize("path", WEBHOOKS)
def test_whatever_form_is_signed_a_webhook_answers_in_peace(
    cast: Any, dialled: Any, webhook: Any, path: str
) -> None:
    room, leg, call = dialled.room.pk, dialled.contact_leg.pk, dialled.call.pk
    queries = ["", f"?tenant={cast.acme.pk}&room={room}", f"?tenant={cast.acme.pk}&leg={leg}"]
    queries += [f"?tenant={cast.acme.pk}&call={call}", f"?tenant={cast.borealis.pk}&room={room}"]
    queries += ["?tenant=x", "?step=leg-ended", f"?tenant={cast.acme.pk}&leg={leg}&step=leg-ended"]
    names = strategies.sampled_from(FIELDS) | strategies.text(max_size=8)
    values = strategies.sampled_from([*VALUES, str(dialled.contact_leg.call_sid)])
    text = strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=300)

    @FUZZ
    @given(strategies.sampled_from(queries), strategies.dictionaries(names, values | text))
    def deliver(query: str, form: dict[str, str]) -> None:
        reserved = {"token", "signature", "path", "AccountSid"}
        safe = {n: v for n, v in form.items() if n not in reserved and n.isprintable()}
        response = webhook(path + query, **safe)
        assert response.status_code in (200, 204), response.content

    deliver()
