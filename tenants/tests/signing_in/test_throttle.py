"""Failed sign-ins: how many, who is refused by them, for how long, and who is not."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.management import call_command
from django.test import Client, RequestFactory

from tenants.signing_in import throttle
from tenants.tests.signing_in.second_factors import give
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in

BOB = "bob@acme.example"
MINUTES = timedelta(minutes=15)


def at(address: str) -> Client:
    """A browser at this address."""
    return Client(REMOTE_ADDR=address)


def fail(client: Client, email: str = BOB, times: int = 5) -> Any:
    for _ in range(times):
        answer = sign_in(client, email, "wrong")
    return answer


def said(answer: Any) -> str:
    return " ".join(answer.context["form"].non_field_errors())


def is_in(client: Client) -> bool:
    return client.get("/calls").status_code == 200


def test_after_five_failures_the_page_says_when_to_try_again(cast: Any, client: Any) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        fourth = fail(client, times=4)
        assert fourth.status_code == 200 and "Wrong email or password" in said(fourth)
        fifth = fail(client, times=1)
        assert fifth.status_code == 429 and fifth.headers["Retry-After"] == "900"
        assert said(fifth) == "Too many failed attempts. Try again in 15 minutes."
        clock.shift(MINUTES / 2)
        right = sign_in(client, BOB)
        assert right.status_code == 429 and "in 8 minutes" in said(right)
        clock.shift(MINUTES / 2 - timedelta(seconds=1))
        assert "in 1 second." in said(sign_in(client, BOB))  # refused tries made it no longer
        assert not is_in(client)
        clock.shift(2)
        assert sign_in(client, BOB).status_code == 302
        assert is_in(client)


def test_nobody_is_locked_out_by_somebody_elses_failures(cast: Any) -> None:
    attacker, victim = at("203.0.113.9"), at("198.51.100.7")
    assert fail(attacker).status_code == 429
    assert sign_in(victim, BOB).status_code == 302 and is_in(victim)
    assert sign_in(attacker, "alice@acme.example").status_code == 302  # another person there


def test_an_address_that_tries_many_people_is_refused(cast: Any) -> None:
    attacker = at("203.0.113.9")
    for number in range(12):
        fail(attacker, f"p{number}@acme.example", times=4)
    assert fail(attacker, "q@acme.example", times=1).status_code == 200
    assert fail(attacker, "r@acme.example", times=1).status_code == 429
    assert sign_in(attacker, BOB).status_code == 429 and not is_in(attacker)
    assert sign_in(at("203.0.113.10"), BOB).status_code == 302


def test_a_known_and_an_unknown_person_get_the_same_answers(cast: Any) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False):
        answers = []
        for email in (BOB, "nobody@acme.example"):
            client = at("203.0.113.9")
            replies = [fail(client, email, times=1) for _ in range(6)]
            answers.append([(r.status_code, said(r), r.get("Retry-After")) for r in replies])
    assert answers[0] == answers[1]
    assert [status for status, *_ in answers[0]] == [200] * 4 + [429] * 2


def test_unknown_people_cost_a_hash_like_known_ones(cast: Any, monkeypatch: Any) -> None:
    from tenants.models import User

    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda self, raw: hashed.append(raw))
    sign_in(Client(), "nobody@acme.example", "a guess")
    assert hashed == ["a guess"]


def test_a_good_sign_in_forgets_the_failures(cast: Any, client: Any) -> None:
    fail(client, times=4)
    assert sign_in(client, BOB).status_code == 302
    client.post("/sign-out")
    assert fail(client, times=4).status_code == 200


def test_one_name_is_counted_however_it_is_written(cast: Any, client: Any) -> None:
    for email in ("bob@acme.example", "BOB@acme.example", " Bob@Acme.Example "):
        fail(client, email, times=1)
    assert fail(client, times=2).status_code == 429
    assert {attempt.username for attempt in AccessAttempt.objects.all()} == {BOB}


@pytest.mark.parametrize("email", [f"{'x' * 60}@{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 60}.com"])
def test_a_name_longer_than_the_column_is_no_error(cast: Any, client: Any, email: str) -> None:
    assert fail(client, email, times=2).status_code == 200


def test_no_password_code_or_token_is_kept(cast: Any, client: Any) -> None:
    sign_in(client, BOB, "a-secret-guess")
    give(cast.alice.user)
    sign_in(client, "alice@acme.example")
    client.post("/sign-in/code", {"code": "a-secret-code", "csrfmiddlewaretoken": "a-secret-token"})
    kept = " ".join(f"{a.post_data} {a.get_data}" for a in AccessAttempt.objects.all())
    assert AccessAttempt.objects.count() == 2 and "a-secret" not in kept


def test_failures_and_refusals_are_logged(cast: Any, caplog: Any) -> None:
    with caplog.at_level("INFO", "tenants.signing_in.throttle"):
        fail(at("203.0.113.9"))
    lines = [record.getMessage() for record in caplog.records]
    assert lines.count(f"A sign-in as {BOB} from 203.0.113.9 failed") == 5
    assert lines.count(f"Too many failed sign-ins as {BOB} from 203.0.113.9: refused") == 1


@pytest.mark.parametrize(
    "command",
    [["axes_reset"], ["axes_reset_username", BOB], ["axes_reset_ip", "203.0.113.9"]],
)
def test_an_operator_unlocks(cast: Any, command: list[str]) -> None:
    client = at("203.0.113.9")
    fail(client)
    call_command(*command)
    assert sign_in(client, BOB).status_code == 302


def test_the_admin_has_the_same_door(cast: Any) -> None:
    client = at("203.0.113.9")
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/sign-in?next=/admin/"
    fail(client)
    sent = {"username": BOB, "password": PASSWORD, "this_is_the_login_form": "1"}
    assert client.post("/admin/login/", sent).headers["Location"].startswith("/sign-in")
    assert not is_in(client)


@pytest.mark.parametrize(
    ("is_https", "forwarded", "known"),
    [
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "10.9.9.9, 203.0.113.9", "203.0.113.9"),  # the proxy's own word is the last
        (True, None, "127.0.0.1"),
        (True, "nonsense", "0.0.0.0"),
        (True, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),  # one customer has a network
        (True, "::ffff:203.0.113.9", "203.0.113.9"),
        (False, "203.0.113.9", "127.0.0.1"),  # no proxy, so anybody could write that
    ],
)
def test_the_proxy_names_the_address(
    settings: Any, is_https: bool, forwarded: str | None, known: str
) -> None:
    settings.IS_HTTPS = is_https
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert throttle.address_of(RequestFactory().post("/sign-in", headers=headers)) == known
