"""Bearer tokens of the API against a key server of our own: who comes in, and who does not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tenants.fence.context import tenant_transaction
from tenants.middleware import TenantMiddleware
from tenants.models import Membership, Tenant, User
from tenants.people.services import add_member
from tenants.signing_in import clerk

CALL_LOGS = "/api/twilio/call-logs"
ISSUER = "https://clerk.acme.example"
SITE = "https://app.acme.example"
OURS = rsa.generate_private_key(65537, 2048)
THEIRS = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
SECRET = "a secret of more than thirty-two bytes, shared"


def public(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} | more


class KeyServer:
    """Publishes `keys` (or the raw `answer`), and counts how often it was asked."""

    def __init__(self) -> None:
        self.keys = [public(OURS, "k1"), public(CURVE, "curve")]
        self.keys.append(public(OURS, "long", alg="RS512"))
        self.answer: tuple[int, bytes] | None = None
        self.fetches = 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.fetches += 1
                status, body = served.answer or (200, json.dumps({"keys": served.keys}).encode())
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/jwks"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def keys(settings: Any) -> Iterator[KeyServer]:
    server = KeyServer()
    settings.CLERK_ISSUER, settings.CLERK_JWKS_URL = ISSUER, server.url
    settings.CLERK_AUTHORIZED_PARTIES = [SITE]
    clerk._keys.cache_clear()
    yield server
    server.stop()


def claims(**more: Any) -> dict[str, Any]:
    """A version 2 session token of Bob in Acme; a value of None leaves the claim out."""
    now = int(time.time())
    found = {"v": 2, "iss": ISSUER, "sub": "user_bob", "sid": "sess_1", "azp": SITE}
    found |= {"iat": now, "nbf": now - 10, "exp": now + 60}
    found |= {"o": {"id": "org_acme", "rol": "admin", "slg": "acme"}}
    return {name: value for name, value in (found | more).items() if value is not None}


def token(key: Any = OURS, kid: str | None = "k1", alg: str = "RS256", **more: Any) -> str:
    return jwt.encode(claims(**more), key, alg, {"kid": kid} if kid else None)


def version_1(**more: Any) -> str:
    return token(v=None, o=None, **({"org_id": "org_acme", "org_role": "org:admin"} | more))


@pytest.fixture
def ask(cast: Any, keys: KeyServer) -> Callable[..., Any]:
    """`ask(bearer)`: GET the call log with this token, of a person who is Bob at Clerk."""
    User.objects.filter(pk=cast.bob.user_id).update(clerk_user_id="user_bob")
    User.objects.filter(pk=cast.charlie.user_id).update(clerk_user_id="user_charlie")
    Tenant.objects.filter(pk=cast.acme.pk).update(clerk_org_id="org_acme")
    Tenant.objects.filter(pk=cast.borealis.pk).update(clerk_org_id="org_borealis")

    def get(bearer: str, client: Client | None = None, path: str = CALL_LOGS) -> Any:
        headers = {"Authorization": f"Bearer {bearer}"}
        return (client or Client()).get(path, headers=headers)

    return get


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("error", {}).get("code", "")


@pytest.mark.parametrize(
    "make",
    [
        token,
        version_1,
        lambda: token(o=None),
        lambda: token(azp=None),
        lambda: token(nbf=None),
        lambda: token(exp=int(time.time()) - 5),  # within the leeway
        lambda: token(nbf=int(time.time()) + 5),
        lambda: token(sts="active"),
    ],
    ids=["v2", "v1", "no org", "no azp", "no nbf", "just expired", "almost valid", "active"],
)
def test_a_good_token_opens_the_workspace(
    ask: Callable[..., Any], cast: Any, make: Callable[[], str]
) -> None:
    response = ask(make())
    assert response.status_code == 200, response.content
    assert response.headers["Cache-Control"] == "private, no-store"


def altered(part: int, text: str) -> str:
    parts = token().split(".")
    parts[part] = text
    return ".".join(parts)


def b64(value: Any) -> str:
    return jwt.utils.base64url_encode(json.dumps(value).encode()).decode()


def soon(seconds: int) -> int:
    return int(time.time()) + seconds


BAD: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "two tokens": lambda: f"{token()} {token()}",
    "dots only": lambda: "..",
    "five parts": lambda: token() + ".a.b",
    "too long": lambda: token(padding="x" * clerk.LONGEST_TOKEN),
    "deeply nested header": lambda: altered(0, "W1tb" * 1500),
    "expired": lambda: token(exp=soon(-60)),
    "expiry absurd": lambda: token(exp=1e400),
    "expiry is text": lambda: token(exp="soon"),
    "no expiry": lambda: token(exp=None),
    "not valid yet": lambda: token(nbf=soon(60)),
    "issued tomorrow": lambda: token(iat=soon(86400)),
    "no issue time": lambda: token(iat=None),
    "another issuer": lambda: token(iss="https://clerk.other.example"),
    "issuer with a slash": lambda: token(iss=ISSUER + "/"),
    "no issuer": lambda: token(iss=None),
    "another site": lambda: token(azp="https://evil.example"),
    "site is a list": lambda: token(azp=[SITE]),
    "site is empty": lambda: token(azp=""),
    "made for an audience": lambda: token(aud="somebody else"),
    "nobody": lambda: token(sub=None),
    "empty person": lambda: token(sub=""),
    "person is a number": lambda: altered(1, b64(claims(sub=7))),
    "pending": lambda: token(sts="pending"),
    "organisation is text": lambda: token(o="org_acme"),
    "organisation is empty": lambda: token(o={}),
    "organisation's id is a list": lambda: token(o={"id": ["org_acme"]}),
    "organisation's id is null": lambda: token(o={"id": None}),
    "old organisation is empty": lambda: version_1(org_id=""),
    "old organisation is a number": lambda: version_1(org_id=7),
    "another key": lambda: token(THEIRS),
    "unknown key": lambda: token(kid="k9"),
    "no key named": lambda: token(kid=None),
    "key's name is a list": lambda: altered(0, b64({"alg": "RS256", "kid": ["k1"]})),
    "unsigned": lambda: jwt.encode(claims(), "", "none", {"kid": "k1"}),
    "signature cut off": lambda: altered(2, ""),
    "payload changed": lambda: altered(1, b64(claims(sub="user_charlie"))),
    "header changed": lambda: altered(0, b64({"alg": "RS256", "kid": "k1", "x": 1})),
    "shared secret": lambda: jwt.encode(claims(), SECRET, "HS256", {"kid": "k1"}),
    "RS512": lambda: token(alg="RS512"),
    "RS512 by its key": lambda: token(kid="long"),
    "PS256": lambda: token(alg="PS256"),
    "ES256": lambda: token(CURVE, kid="curve", alg="ES256"),
    "RS256 with a curve's name": lambda: token(kid="curve"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused_even_beside_a_good_session(
    ask: Callable[..., Any], cast: Any, signed_in: Any, kind: str
) -> None:
    assert ask(token()).status_code == 200
    bad = BAD[kind]()
    assert code(ask(bad)) == (401, "authentication_failed")
    client = signed_in(cast.bob)
    assert client.get(CALL_LOGS).status_code == 200
    response = ask(bad, client)
    assert code(response) == (401, "authentication_failed")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_hmac_of_the_public_key_is_no_signature(ask: Callable[..., Any]) -> None:
    from cryptography.hazmat.primitives import serialization as s

    pem = OURS.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    head, body = b64({"alg": "HS256", "kid": "k1", "typ": "JWT"}), b64(claims())
    from hashlib import sha256
    from hmac import digest

    signature = jwt.utils.base64url_encode(digest(pem, f"{head}.{body}".encode(), sha256)).decode()
    assert code(ask(f"{head}.{body}.{signature}")) == (401, "authentication_failed")


@pytest.mark.parametrize(
    "more",
    [
        {"sub": "user_nobody"},
        {"o": {"id": "org_nobody"}},
        {"o": {"id": "org_borealis"}},  # Bob is no member there
        {"sub": "user_nobody", "o": None},
    ],
)
def test_a_good_token_of_somebody_unknown_here_has_no_workspace(
    ask: Callable[..., Any], cast: Any, signed_in: Any, more: dict[str, Any]
) -> None:
    assert code(ask(token(**more))) == (403, "no_tenant")
    assert code(ask(token(**more), signed_in(cast.bob))) == (403, "no_tenant")


@pytest.mark.parametrize("what", ["membership", "user", "tenant"])
def test_whoever_is_deactivated_comes_in_no_more(
    ask: Callable[..., Any], cast: Any, what: str
) -> None:
    assert ask(token()).status_code == 200
    with tenant_transaction(cast.acme.pk):
        rows = {
            "membership": Membership.objects.filter(pk=cast.bob.pk),
            "user": User.objects.filter(pk=cast.bob.user_id),
            "tenant": Tenant.objects.filter(pk=cast.acme.pk),
        }
        rows[what].update(is_active=False)
    assert code(ask(token())) == (403, "no_tenant")
    assert code(ask(token(o=None))) == (403, "no_tenant")


def test_a_token_opens_the_workspace_of_its_organisation(
    ask: Callable[..., Any], cast: Any
) -> None:
    from calls.tests.api.test_call_logs import make_call

    acme, borealis = make_call(cast.acme), make_call(cast.borealis)
    add_member(cast.borealis, email=cast.bob.user.email, account_is_theirs=True)

    def seen(bearer: str) -> list[str]:
        return [call["id"] for call in ask(bearer).json()["data"]]

    assert seen(token()) == seen(version_1()) == seen(token(o=None)) == [str(acme.pk)]
    assert seen(token(o={"id": "org_borealis"})) == [str(borealis.pk)]
    assert seen(version_1(org_id="org_borealis")) == [str(borealis.pk)]
    assert seen(token(sub="user_charlie", o=None)) == [str(borealis.pk)]
    assert ask(token(), path=f"{CALL_LOGS}/{borealis.pk}").status_code == 404


@pytest.mark.usefixtures("ask")
def test_whoever_shows_a_token_is_known_by_it_alone(cast: Any, rf: Any) -> None:
    known: list[tuple[Any, Any]] = []

    def view(request: Any) -> HttpResponse:
        known.append((request.user, request.member))
        return HttpResponse()

    for bearer in (token(), "bad"):
        request = rf.get(CALL_LOGS, headers={"Authorization": f"Bearer {bearer}"})
        request.user = cast.alice.user  # by a session
        TenantMiddleware(view)(request)
    assert known == [(cast.bob.user, cast.bob), (AnonymousUser(), None)]


def test_a_token_needs_no_csrf_token_and_a_session_does(
    ask: Callable[..., Any], cast: Any, signed_in: Any
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in(cast.bob).cookies

    def post(**headers: str) -> Any:
        return strict.post(
            "/api/twilio/access-token", "{}", content_type="application/json", headers=headers
        )

    assert code(post()) == (403, "forbidden")
    assert post(Authorization=f"Bearer {token()}").status_code == 200
    assert post(Authorization=f"bearer  {token()}").status_code == 200


def test_only_the_api_reads_tokens(ask: Callable[..., Any]) -> None:
    for path in ("/calls", "/contacts", "/apiary"):
        assert ask(token(), path=path).status_code in (302, 404)
    assert code(Client().get(CALL_LOGS, headers={"Authorization": "Basic YTpi"})) == (
        401,
        "not_authenticated",
    )


def test_without_an_issuer_no_token_is_accepted(
    ask: Callable[..., Any], keys: KeyServer, settings: Any
) -> None:
    settings.CLERK_ISSUER = ""
    assert code(ask(token())) == (401, "authentication_failed")
    assert keys.fetches == 0


def test_the_keys_are_fetched_once_for_many_requests(
    ask: Callable[..., Any], keys: KeyServer
) -> None:
    assert [ask(token()).status_code for _ in range(5)] == [200] * 5
    assert keys.fetches == 1


def test_a_new_key_is_fetched_and_unknown_ones_do_not_flood_the_server(
    ask: Callable[..., Any], keys: KeyServer, monkeypatch: Any
) -> None:
    clock = Clock(monkeypatch)
    assert ask(token()).status_code == 200
    keys.keys = [public(THEIRS, "k2")]
    for number in range(10):
        assert ask(token(kid=f"x{number}")).status_code == 401
    assert keys.fetches == 1
    clock.forward(clerk.REFETCH_SECONDS + 1)
    assert ask(token(THEIRS, kid="k2")).status_code == 200
    assert keys.fetches == 2
    assert ask(token()).status_code == 401, "the old key is gone"
    for number in range(10):
        assert ask(token(kid=f"y{number}")).status_code == 401
    assert keys.fetches == 2


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b"\xff"),
        (302, b""),
    ],
)
def test_known_keys_outlive_a_broken_key_server_for_a_day(
    ask: Callable[..., Any], keys: KeyServer, monkeypatch: Any, answer: tuple[int, bytes]
) -> None:
    clock = Clock(monkeypatch)
    assert ask(token()).status_code == 200
    keys.answer = answer
    clock.forward(clerk.KEYS_LIVE_SECONDS + 1)
    assert [ask(token()).status_code for _ in range(5)] == [200] * 5
    assert keys.fetches == 2
    assert ask(token(THEIRS)).status_code == 401
    clock.forward(clerk.STALE_KEYS_LIVE_SECONDS)
    assert code(ask(token())) == (503, "unavailable")
    keys.answer = None
    assert ask(token()).status_code == 200


def test_without_any_keys_the_answer_is_to_try_again(
    ask: Callable[..., Any], keys: KeyServer, monkeypatch: Any
) -> None:
    clock = Clock(monkeypatch)
    keys.answer = (500, b"")
    responses = [ask(token()) for _ in range(5)]
    assert [code(response) for response in responses] == [(503, "unavailable")] * 5
    assert responses[0].headers["Retry-After"] == str(clerk.RETRY_SECONDS)
    assert keys.fetches == 1
    keys.answer = None
    clock.forward(clerk.RETRY_SECONDS + 1)
    assert ask(token()).status_code == 200


def test_a_key_server_that_is_not_there_is_no_error_of_ours(
    ask: Callable[..., Any], keys: KeyServer, settings: Any
) -> None:
    settings.CLERK_JWKS_URL = "http://127.0.0.1:9/jwks"
    assert code(ask(token())) == (503, "unavailable")


class Clock:
    """`time.monotonic`, moved forward; tokens keep to the wall's clock."""

    def __init__(self, monkeypatch: Any) -> None:
        self._ahead, real = 0.0, time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._ahead)

    def forward(self, seconds: float) -> None:
        self._ahead += seconds
