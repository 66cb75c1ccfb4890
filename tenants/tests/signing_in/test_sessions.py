"""How long a session lasts, what its cookies are, and what ends when a person is no longer in."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from tenants.bricks import live
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Session, Tenant, User
from tenants.people import services
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in

BOB = "bob@acme.example"
START = "2026-11-22T12:00:00Z"


def is_in(client: Client) -> bool:
    return client.get("/calls").status_code == 200


def test_a_sign_in_takes_a_new_key(cast: Any, client: Client) -> None:
    client.get("/sign-in")
    client.force_login(cast.charlie.user)
    planted = client.session.session_key or ""
    client.post("/sign-out")
    client.cookies[settings.SESSION_COOKIE_NAME] = planted
    sign_in(client, BOB)
    assert is_in(client) and client.session.session_key != planted
    assert not Session.objects.filter(pk=planted).exists()


def test_a_visitor_gets_no_session(db: None, client: Client) -> None:
    for path in ("/sign-in", "/calls", "/nowhere", "/api/twilio/call-logs"):
        assert settings.SESSION_COOKIE_NAME not in client.get(path).cookies
    assert not Session.objects.exists()


def test_a_session_ends_twelve_hours_after_its_last_use(cast: Any, client: Client) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, BOB)
        for _ in range(3):
            clock.shift(timedelta(hours=11))
            assert is_in(client)
        clock.shift(timedelta(hours=12, seconds=1))
        assert not is_in(client)


def test_a_session_ends_seven_days_after_its_sign_in_whatever_is_done(
    cast: Any, client: Client
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, BOB)
        key = client.session.session_key
        for _ in range(7 * 24 // 8 - 1):
            clock.shift(timedelta(hours=8))
            assert is_in(client)
        clock.shift(timedelta(hours=8, seconds=-1))
        assert is_in(client)
        clock.shift(1)
        assert not is_in(client) and not Session.objects.filter(pk=key).exists()


def test_a_used_session_is_written_now_and_then_only(
    cast: Any, client: Client, django_assert_num_queries: Any
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, BOB)
        before = Session.objects.get().expire_date
        clock.shift(timedelta(minutes=14))
        assert is_in(client) and Session.objects.get().expire_date == before
        clock.shift(timedelta(minutes=1))
        assert is_in(client)
        assert Session.objects.get().expire_date == before + timedelta(minutes=15)


def test_a_new_password_ends_the_other_sessions(cast: Any, client: Client) -> None:
    sign_in(client, BOB)
    bob = User.objects.get(pk=cast.bob.user_id)
    bob.set_password("another-good-one-42")
    bob.save()
    assert not is_in(client)


@pytest.mark.parametrize("what", ["membership", "person", "workspace"])
def test_whoever_is_deactivated_is_out_with_the_next_request(
    cast: Any, client: Client, what: str
) -> None:
    sign_in(client, BOB)
    assert is_in(client)
    if what == "membership":
        with tenant_transaction(cast.acme.pk):
            services.set_active(cast.bob, False)
        assert client.get("/calls").status_code == 403
        api = client.get("/api/twilio/call-logs")
        assert (api.status_code, api.json()["error"]["code"]) == (403, "no_tenant")
    elif what == "workspace":
        Tenant.objects.filter(pk=cast.acme.pk).update(is_active=False)
        assert client.get("/calls").status_code == 403
    else:
        User.objects.filter(pk=cast.bob.user_id).update(is_active=False)
        assert client.get("/calls").headers["Location"].startswith("/sign-in")
        assert client.get("/api/twilio/call-logs").status_code == 401
        assert client.post("/calls/live-ticket").headers["Location"].startswith("/sign-in")
    assert client.post("/calls/live-ticket").status_code != 200


@pytest.fixture
def ended(monkeypatch: Any) -> list[UUID]:
    """Whose streams were ended."""
    found: list[UUID] = []
    monkeypatch.setattr(live, "end_streams", found.append)
    return found


def test_open_streams_end_when_a_person_or_a_membership_changes(
    cast: Any, ended: list[UUID], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), tenant_transaction(cast.acme.pk):
        Membership.objects.get(pk=cast.bob.pk).save()
        services.set_active(cast.bob, False)
    with django_capture_on_commit_callbacks(execute=True):
        cast.charlie.user.save()
        cast.borealis.save()
    assert ended == [cast.bob.user_id] * 2 + [cast.charlie.user_id, cast.borealis.pk]


def test_a_sign_in_ends_no_streams(
    cast: Any, client: Client, ended: list[UUID], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert sign_in(client, BOB, PASSWORD).status_code == 302
    assert ended == []


@pytest.mark.parametrize(
    ("url", "prefix", "is_secure"),
    [("https://crm.example.com", "__Host-", True), ("http://localhost:8000", "", False)],
)
def test_cookies_are_for_this_host_and_for_nobodys_scripts(
    url: str, prefix: str, is_secure: bool
) -> None:
    code = """if 1:
    import django; django.setup()
    from django.conf import settings as s
    print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)
    print(s.SESSION_COOKIE_HTTPONLY, s.CSRF_COOKIE_HTTPONLY)
    print(s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE, s.SESSION_COOKIE_DOMAIN)
    print(s.SESSION_COOKIE_PATH, s.CSRF_COOKIE_PATH, s.ADMIN_NEEDS_SECOND_FACTOR)
    """
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PUBLIC_BASE_URL": url, "DEBUG": "1"},  # which changes none of it
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    names = [f"{prefix}sessionid", f"{prefix}csrftoken", str(is_secure), str(is_secure)]
    assert said[:4] == names
    assert said[4:9] == ["True", "True", "Lax", "Lax", "None"]
    assert said[9:] == ["/", "/", str(is_secure)]
