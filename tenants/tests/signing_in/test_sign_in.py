"""Signing in, and what the middleware makes of it."""

import os
import time
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.urls import reverse

from tenants.bricks import deadline
from tenants.fence.context import tenant_transaction
from tenants.people.services import add_member

PASSWORD = "a-long-enough-password"


def sign_in(client: Any, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("sign_in"), {"username": email, "password": password})


@pytest.mark.parametrize("email", ["bob@acme.example", "BOB@Acme.Example", " bob@acme.example "])
def test_an_agent_signs_in_by_email_however_it_is_written(
    cast: Any, client: Any, email: str
) -> None:
    response = sign_in(client, email)
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("calls")
    page = client.get(reverse("calls"))
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Acme" in page.content.decode()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("bob@acme.example", "wrong"),
        ("nobody@acme.example", PASSWORD),
        ("not an address", PASSWORD),
        ("", ""),
    ],
)
def test_whoever_cannot_sign_in_is_told_so_and_stays_out(
    cast: Any, client: Any, email: str, password: str
) -> None:
    response = sign_in(client, email, password)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert client.get(reverse("calls")).status_code == 302


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(cast: Any, client: Any) -> None:
    errors = [
        sign_in(client, email, "wrong").context["form"].errors
        for email in ("bob@acme.example", "nobody@acme.example")
    ]
    assert errors[0] == errors[1]


def test_a_password_is_hashed_slowly_without_anybody_hanging(
    settings: Any, monkeypatch: Any
) -> None:
    now = 1000.0

    def on_a_busy_machine(*_: Any, **__: Any) -> bytes:
        nonlocal now
        now += 3
        return b"hashed"

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr("django.contrib.auth.hashers.pbkdf2", on_a_busy_machine)
    settings.PASSWORD_HASHERS = import_module(os.environ["DJANGO_SETTINGS_MODULE"]).PASSWORD_HASHERS
    with deadline.within(2.5):
        hashed = make_password(PASSWORD)
        assert check_password(PASSWORD, hashed)
        assert hashed.startswith("pbkdf2_sha256$")
        assert now >= 1006 and deadline.left(2.5) == 2.5


@pytest.mark.parametrize("name", ["calls", "contacts", "contact_suggest", "active_call"])
def test_pages_send_strangers_to_the_sign_in(cast: Any, client: Any, name: str) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("sign_in"))


def test_a_person_without_a_workspace_is_told_whom_to_ask(cast: Any, client: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        cast.bob.is_active = False
        cast.bob.save()
    client.force_login(cast.bob.user)
    response = client.get(reverse("calls"))
    assert response.status_code == 403
    assert "administrator" in response.content.decode()


def test_a_deactivated_person_is_out_at_once(cast: Any, client: Any) -> None:
    client.force_login(cast.bob.user)
    assert client.get(reverse("calls")).status_code == 200
    cast.bob.user.is_active = False
    cast.bob.user.save()
    assert client.get(reverse("calls")).status_code == 302


def test_a_failing_view_leaves_no_tenant_behind(cast: Any, client: Any) -> None:
    from tenants.fence.context import _tenant, _transaction

    client.force_login(cast.bob.user)
    assert client.get(reverse("recording", args=[cast.acme.pk])).status_code == 404
    assert _tenant.get() is None
    assert _transaction.get() is None


def test_a_person_in_two_workspaces_sees_the_chosen_one(cast: Any, client: Any) -> None:
    add_member(cast.borealis, email="bob@acme.example", account_is_theirs=True)
    client.force_login(cast.bob.user)
    assert "Maria of Acme" in client.get(reverse("contacts")).content.decode()
    session = client.session
    session["tenant_id"] = str(cast.borealis.pk)
    session.save()
    page = client.get(reverse("contacts")).content.decode()
    assert "Maria of Borealis" in page
    assert "Maria of Acme" not in page
