"""Writes with an old token, or none: refused, and pages know why."""

from typing import Any

import pytest
from django.test import Client

from tenants.tests.signing_in.test_sign_in import PASSWORD

BOB = {"username": "bob@acme.example", "password": PASSWORD}


@pytest.fixture
def strict(cast: Any) -> Client:
    """Bob's browser, which has a token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.bob.user)
    client.get("/csrf-token")
    return client


@pytest.mark.parametrize("path", ["/contacts/new", "/sign-out", "/api/twilio/access-token"])
def test_a_refusal_says_that_it_is_the_token(strict: Client, path: str) -> None:
    for client in (strict, Client(enforce_csrf_checks=True)):
        headers = {"X-CSRFToken": "x" * 32}
        answer = client.post(path, {}, content_type="application/json", headers=headers)
        if client is strict:
            assert (answer.status_code, answer.headers.get("X-CSRF-Failed")) == (403, "1")
        else:
            assert answer.status_code in (401, 403)
    assert "This page expired" in strict.post("/contacts/new").content.decode()


def test_another_refusal_does_not(cast: Any, strict: Client) -> None:
    token = strict.get("/csrf-token").json()["token"]
    answer = strict.post("/settings", {}, headers={"X-CSRFToken": token})
    assert answer.status_code == 403 and "X-CSRF-Failed" not in answer.headers


def test_the_new_token_is_good_and_names_whose_it_is(cast: Any, strict: Client) -> None:
    answer = strict.get("/csrf-token")
    assert answer.json()["user"] == str(cast.bob.user_id)
    assert "no-store" in answer.headers["Cache-Control"]
    headers = {"X-CSRFToken": answer.json()["token"]}
    assert strict.post("/contacts/new", {"name": "Zoë"}, headers=headers).status_code == 303
    assert Client().get("/csrf-token").json()["user"] is None


def test_an_old_sign_in_page_leads_to_a_new_one_and_on(cast: Any, strict: Client) -> None:
    answer = strict.post("/sign-in?next=/contacts", BOB)
    assert (
        answer.status_code == 303
        and answer.headers["Location"] == "/sign-in?next=%2Fcontacts&expired=1"
    )
    assert strict.get(answer.headers["Location"]).headers["Location"] == "/contacts"
    blocked = Client(enforce_csrf_checks=True).post("/sign-in", BOB)
    assert blocked.status_code == 403 and "allow cookies" in blocked.content.decode()
    nobody = Client(enforce_csrf_checks=True)
    nobody.get("/csrf-token")
    again = nobody.post("/sign-in", BOB, follow=True)
    assert (
        again.redirect_chain and "This page had expired. Sign in again." in again.content.decode()
    )


def test_an_old_sign_in_page_lets_nobody_in_as_somebody_else(cast: Any, strict: Client) -> None:
    answer = strict.post("/sign-in", BOB | {"username": "alice@acme.example"})
    page = answer.content.decode()
    assert answer.status_code == 403 and "You’re signed in as bob@acme.example." in page
    token = strict.cookies["csrftoken"].value
    headers = {"X-CSRFToken": token}
    assert 'action="/sign-out"' in page and "Sign out" in page
    assert strict.post("/sign-out", headers=headers).headers["Location"] == "/sign-in"


def test_an_old_page_signs_out_by_a_page_that_is_new(strict: Client) -> None:
    page = strict.post("/sign-out").content.decode()
    assert 'action="/sign-out"' in page and "csrfmiddlewaretoken" in page


@pytest.mark.parametrize("path", ["/sign-in", "/contacts/new"])
def test_a_form_of_another_address_is_no_old_page(strict: Client, path: str) -> None:
    token = strict.get("/csrf-token").json()["token"]
    headers = {"X-CSRFToken": token, "Origin": "https://elsewhere.example"}
    answer = strict.post(path, BOB, headers=headers)
    assert answer.status_code == 403 and "X-CSRF-Failed" not in answer.headers
    assert "This form came from another address" in answer.content.decode()
