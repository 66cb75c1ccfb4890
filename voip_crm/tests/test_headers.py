"""Every address, whoever asks: kept by no cache, taken for no other type, embedded nowhere."""

import gzip
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.models import User
from voip_crm.tests.cast import PASSWORD

# What may stand in an address; the admin's own are of an object of any table.
VALUES = {"uuid": str(uuid.uuid4()), "int": "1", "path": "1", "str": "x"}


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def address(route: str) -> str:
    route = route.replace("/?$", "").removesuffix("/?").replace("(/.*)?", "")
    route = re.sub(r"(?<!P)<(?:(\w+):)?\w+>", lambda found: VALUES[found[1] or "str"], route)
    # A group of a regular expression: the first of its words, else any.
    return "/" + re.sub(r"\(\?P<\w+>(\w*)[^)]*\)", lambda group: group[1] or "x", route)


ADDRESSES = sorted({address(route) for route in routes()} | {"/nothing-here"})


def assert_hardened(url: str, response: Any) -> None:
    headers = response.headers
    assert "no-store" in headers["Cache-Control"], url
    assert headers["X-Content-Type-Options"] == "nosniff", url
    assert headers["Referrer-Policy"] == "same-origin", url
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", url
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", url
    assert "microphone=(self)" in headers["Permissions-Policy"], url
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy, url
    assert "script-src 'self';" in policy + ";" and "unsafe" not in policy, url
    assert "frame-ancestors 'none'" in policy and headers["X-Frame-Options"] == "DENY", url


def test_the_walk_finds_the_addresses() -> None:
    assert {"/calls", "/settings/audit-trail", "/api/twilio/call-logs", "/healthz"} <= {*ADDRESSES}
    assert len(ADDRESSES) > 60
    assert not [url for url in ADDRESSES if "<" in url or "(" in url]


@pytest.mark.parametrize("shown", ["document", "iframe", "object", "script", "worker"])
def test_whatever_a_browser_shows_or_runs_is_hardened(client: Client, shown: str) -> None:
    """What a script has fetched is under its page's policies, and need not bring them."""
    answer = client.get("/sign-in", headers={"Sec-Fetch-Dest": shown})
    assert_hardened("/sign-in", answer)
    fetched = client.get("/sign-in", headers={"Sec-Fetch-Dest": "empty"})
    assert not {"Content-Security-Policy", "Permissions-Policy"} & {*fetched.headers}
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("who", ["nobody", "alice", "root"])
def test_every_answer_is_hardened(cast: Any, client: Client, who: str) -> None:
    client.raise_request_exception = False
    if who == "alice":
        client.force_login(cast.alice.user)
    elif who == "root":
        client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
        client.post("/admin/workspace/", {"workspace": str(cast.acme.pk)})
    seen = set()
    for url in ADDRESSES:
        response = client.get(url)
        assert_hardened(url, response)
        seen.add(response.status_code)
    assert {404, 405} <= seen and not seen & {500}
    assert (200 in seen) and (302 in seen)


def test_errors_and_refusals_are_hardened_too(
    cast: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    strict.force_login(cast.alice.user)
    refused = strict.post("/contacts/new", {"name": "x"})
    assert refused.status_code == 403
    assert_hardened("csrf", refused)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("contacts.selectors.contact_page", fail)
    broken = strict.get("/contacts")
    assert broken.status_code == 500
    assert_hardened("error", broken)


def test_a_page_is_compressed_whatever_is_in_front_and_nothing_else(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.alice)
    ways = {"Accept-Encoding": "gzip, deflate, br"}
    page = client.get("/calls", headers=ways)
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert len(page.content) * 3 < len(gzip.decompress(page.content))
    assert "Content-Encoding" not in client.get("/calls").headers
    for url in ("/contacts/export", "/api/twilio/call-logs", "/api/schema"):
        answer = client.get(url, headers=ways)
        assert answer.status_code == 200 and "Content-Encoding" not in answer.headers, url


def test_the_same_page_is_not_twice_of_the_same_length(cast: Any, signed_in: Any) -> None:
    """Its length says little of what is in it (BREACH)."""
    client = signed_in(cast.alice)
    sent = [client.get("/calls", headers={"Accept-Encoding": "gzip"}).content for _ in range(6)]
    assert len({len(page) for page in sent}) > 1
