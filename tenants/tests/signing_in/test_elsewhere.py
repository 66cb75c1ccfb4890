"""A person's sessions on their account page, and what ends them."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session as FormerSession
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants.bricks import live
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Session, User
from tenants.signing_in import elsewhere
from tenants.signing_in.store import SessionStore
from tenants.tests.signing_in.second_factors import give
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in
from tenants.trail.audit import Action

BOB, CHARLIE = "bob@acme.example", "charlie@borealis.example"
WHERE = "/account/sessions"
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
START = "2026-11-22T20:00:00Z"


def browser(says: str = WINDOWS, email: str = BOB, *, signs_in: bool = True) -> Client:
    client = Client(headers={"User-Agent": says})
    if signs_in:
        assert sign_in(client, email).status_code == 302
    return client


def shown(client: Client) -> list[str]:
    """The sessions of the account page, as they are read."""
    page = client.get("/account").content.decode()
    part = page.partition('<ul class="sessions">')[2].partition("</ul>")[0]
    items = [re.sub(r"<[^>]+>", " ", item) for item in part.split("<li>")[1:]]
    return [" ".join(item.split()) for item in items]


def names(client: Client) -> list[str]:
    """What the buttons name."""
    page = client.get("/account").content.decode()
    return re.findall(r'<form method="post" action="/account/sessions/([^"]+)"', page)


def is_in(client: Client) -> bool:
    return client.get("/calls").status_code == 200


def noted(cast: Any) -> list[AuditEntry]:
    with tenant_transaction(cast.acme.pk):
        ended = [Action.SESSION_ENDED, Action.SESSIONS_ENDED]
        return list(AuditEntry.objects.filter(action__in=ended).order_by("at"))


@pytest.fixture
def ended(monkeypatch: Any) -> list[UUID]:
    """Whose streams were ended."""
    found: list[UUID] = []
    monkeypatch.setattr(live, "end_streams", found.append)
    return found


def test_the_account_page_shows_where_one_is_signed_in(cast: Any) -> None:
    cast.acme.time_zone = "America/Los_Angeles"
    cast.acme.save()
    with time_machine.travel(START, tick=False) as clock:
        phone = browser(PHONE)
        clock.shift(timedelta(hours=1))
        desk = browser()
        browser(email=CHARLIE)
        assert shown(desk) == [
            "Chrome on Windows This browser Signed in: Today 13:00",
            "Safari on iPhone Signed in: Today 12:00 · Last used: Today 12:00 End session",
        ]
        clock.shift(timedelta(hours=1))
        assert is_in(phone)
        assert "Last used: Today 14:00" in shown(desk)[1]
        assert "Pacific Time" in desk.get("/account").content.decode()
        clock.shift(timedelta(hours=11, minutes=30))
        assert is_in(desk)
        clock.shift(timedelta(hours=1))  # the phone's has ended by itself
        assert len(shown(desk)) == 1


def test_a_session_is_ended_at_once_and_noted(
    cast: Any, ended: list[UUID], django_capture_on_commit_callbacks: Any
) -> None:
    desk, phone = browser(), browser(PHONE)
    phone.post("/account", {"do": "name", "name": "Robert"})
    (name,) = names(desk)
    assert str(phone.session.session_key) not in name
    with django_capture_on_commit_callbacks(execute=True):
        answer = desk.post(f"{WHERE}/{name}", headers={"HX-Request": "true"})
    assert answer.status_code == 204 and "/account" in answer.headers["HX-Location"]
    assert "Safari on iPhone is signed out." in answer.headers["HX-Trigger"]
    assert ended == [cast.bob.user_id]
    for path in ("/calls", "/account"):
        assert phone.get(path).headers["Location"].startswith("/sign-in")
    assert phone.get("/api/twilio/call-logs").status_code == 401
    assert phone.post("/calls/live-ticket").headers["Location"].startswith("/sign-in")
    assert is_in(desk) and len(shown(desk)) == 1
    assert User.objects.get(email=BOB).name == "Robert"  # what it has written stays
    (entry,) = noted(cast)
    assert (entry.action, entry.person) == ("session_ended", cast.bob.user_id)
    assert entry.details == {"browser": "Safari on iPhone"}


def test_what_has_ended_already_is_no_mistake(cast: Any, ended: list[UUID]) -> None:
    desk, phone = browser(), browser(PHONE)
    (name,) = names(desk)
    phone.post("/sign-out")
    answer = desk.post(f"{WHERE}/{name}", follow=True)
    assert answer.status_code == 200
    assert "That session had already ended." in answer.content.decode()
    assert noted(cast) == [] and ended == []


def test_nobody_ends_or_sees_another_persons(cast: Any) -> None:
    desk, phone = browser(), browser(PHONE)
    (name,) = names(desk)
    own = elsewhere.name_of(cast.bob.user, str(desk.session.session_key))
    assert own not in desk.get("/account").content.decode()
    for email in ("alice@acme.example", CHARLIE):  # a colleague, and a stranger
        other = browser(email=email)
        assert len(shown(other)) == 1
        assert other.post(f"{WHERE}/{name}").status_code == 404
        other.post(WHERE)
    assert Client().post(f"{WHERE}/{name}").headers["Location"].startswith("/sign-in")
    # Made up, cut short, and one's own, which *Sign out* is for.
    for wrong in ("x", name[:-1], name.partition(":")[0], "%00", own):
        assert desk.post(f"{WHERE}/{wrong}").status_code == 404
    assert is_in(desk) and is_in(phone) and noted(cast) == []


def test_all_others_are_ended(
    cast: Any, ended: list[UUID], django_capture_on_commit_callbacks: Any
) -> None:
    desk, charlie = browser(), browser(email=CHARLIE)
    assert b"End all other sessions" not in desk.get("/account").content
    desk.post(WHERE)
    assert noted(cast) == [] and ended == []  # there were none
    others = [browser(PHONE) for _ in range(3)]
    assert b"End all other sessions" in desk.get("/account").content
    with django_capture_on_commit_callbacks(execute=True):
        answer = desk.post(WHERE, follow=True)
    assert "You’re signed out everywhere else." in answer.content.decode()
    assert not any(is_in(other) for other in others)
    assert is_in(desk) and is_in(charlie) and ended == [cast.bob.user_id]
    assert [entry.action for entry in noted(cast)] == ["sessions_ended"]


def test_nothing_is_ended_by_looking(cast: Any) -> None:
    desk, phone = browser(), browser(PHONE)
    for path in (WHERE, f"{WHERE}/{names(desk)[0]}"):
        for method in (desk.get, desk.head):
            assert method(path).status_code == 405
    assert is_in(phone)


def test_what_no_longer_signs_in_is_not_shown(cast: Any, codes: list[str], bob: User) -> None:
    """Who stands before the code is not in; a session of the password before is none any more."""
    before = browser(PHONE)
    desk = browser()
    desk.post("/sign-in/code", {"code": codes[0]})
    assert is_in(desk) and not is_in(before)
    assert len(shown(desk)) == 1
    before.post("/sign-in/code", {"code": codes[1]})
    assert len(shown(desk)) == 2
    bob.refresh_from_db()
    bob.set_password("another-good-one-42")
    bob.save()
    again = browser(signs_in=False)
    sign_in(again, BOB, "another-good-one-42")
    again.post("/sign-in/code", {"code": codes[2]})
    assert len(shown(again)) == 1
    assert Session.objects.filter(person=bob.pk).count() == 3
    again.post(WHERE)
    assert Session.objects.filter(person=bob.pk).count() == 1


def test_sessions_go_on_and_keep_their_browser_through_each_step(cast: Any, bob: User) -> None:
    """A new key with the second factor, with a new password, with a code: never a second row."""
    desk = browser()
    backup = give(bob)
    assert not is_in(desk)  # the code is asked for now
    desk.post("/sign-in/code", {"code": backup[0]})
    assert shown(desk)[0].startswith("Chrome on Windows This browser")
    new = {"new_password1": "another-good-one-42", "new_password2": "another-good-one-42"}
    assert desk.post("/account/password", {"password": PASSWORD, **new}).status_code == 303
    assert len(shown(desk)) == 1 and shown(desk)[0].startswith("Chrome on Windows")
    assert Session.objects.get().person == bob.pk


def test_a_name_that_never_was_tells_nothing_by_the_rows(cast: Any) -> None:
    desk = browser()
    with CaptureQueriesContext(connection) as queries:
        assert desk.post(f"{WHERE}/{'0' * 32}:{'x' * 43}").status_code == 404
    assert sum("FROM tenants_session" in query["sql"] for query in queries) == 1  # its own
    assert not any('FROM "tenants_session"' in query["sql"] for query in queries)


def test_more_sessions_cost_no_more_statements(cast: Any) -> None:
    desk = browser()

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get("/account")
        return sum("tenants_session" in query["sql"] for query in queries)

    assert count() == 2  # who asks, and the list
    for _ in range(3):
        browser(PHONE)
    assert count() == 2


def test_who_asks_is_learnt_by_one_statement_and_a_use_costs_no_write(cast: Any) -> None:
    with time_machine.travel(START, tick=False) as clock:
        desk = browser()
        clock.shift(timedelta(minutes=14))
        for path in ("/contacts", "/api/twilio/call-logs"):
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(path).status_code == 200
            asked = [q["sql"] for q in queries if "tenants_session" in q["sql"]]
            assert len(asked) == 1 and asked[0].strip().startswith("WITH")


def test_at_most_fifty_are_shown_and_all_are_ended(cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(elsewhere, "MOST_SHOWN", 2)
    others = [browser(PHONE) for _ in range(3)]
    desk = browser()
    assert len(shown(desk)) == 2 and "This browser" in shown(desk)[0]
    assert "The 2 used last." in desk.get("/account").content.decode()
    desk.post(WHERE)
    assert not any(is_in(other) for other in others)


def test_whoever_has_no_workspace_has_their_times_in_utc(cast: Any) -> None:
    user = User.objects.create_user("alone@example.com", PASSWORD)
    with time_machine.travel(START, tick=False):
        phone, desk = browser(PHONE, user.email), browser(email=user.email)
        assert "Signed in: Today 20:00" in shown(desk)[0]
        assert "Times are in UTC" in desk.get("/account").content.decode()
        assert desk.post(f"{WHERE}/{names(desk)[0]}").status_code == 303
        assert phone.get("/account").status_code == 302
        assert desk.get("/account").status_code == 200


def test_what_has_expired_goes(cast: Any) -> None:
    desk = browser()
    later = timezone.now() + timedelta(hours=1)
    for model in (Session, FormerSession):
        model.objects.create(session_key="old", session_data="", expire_date=timezone.now())
        model.objects.create(session_key="new", session_data="", expire_date=later)
    call_command("clearsessions")
    for model in (Session, FormerSession):
        assert not model.objects.filter(pk="old").exists()
        assert model.objects.filter(pk="new").exists()
    assert is_in(desk)


def test_a_session_that_nobody_has_is_nobodys(db: None) -> None:
    store = SessionStore()
    store["anything"] = 1
    store.create()
    assert Session.objects.get().person is None
    assert Session.objects.get().get_decoded() == {"anything": 1}


def test_what_is_saved_after_its_end_does_not_bring_it_back(cast: Any) -> None:
    """A request under way while its session is ended."""
    desk, phone = browser(), browser(PHONE)
    under_way = SessionStore(phone.session.session_key)
    under_way["wishes"] = []
    desk.post(WHERE)
    with pytest.raises(UpdateError):
        under_way.save()
    assert not is_in(phone)
