"""What a person changes about themselves: their name, their password."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Membership, User
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in
from tenants.trail.audit import Action

BOB = "bob@acme.example"
NEW = "quite-another-password-9"
WHERE = "/account/password"


@pytest.fixture
def bob(cast: Any) -> Client:
    client = Client()
    sign_in(client, BOB)
    return client


def noted(cast: Any, action: str) -> list[AuditEntry]:
    with tenant_transaction(cast.acme.pk):
        return list(AuditEntry.objects.filter(action=action))


def change(client: Client, **other: str) -> Any:
    form = {"password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return client.post(WHERE, form | other)


def test_a_name_is_changed_and_noted(cast: Any, bob: Client) -> None:
    page = bob.get("/account").content.decode()
    assert 'value="Bob"' in page or "Bob" in page
    assert bob.post("/account", {"do": "name", "name": "Robert <b>"}).status_code == 303
    cast.bob.user.refresh_from_db()
    assert cast.bob.user.name == "Robert <b>"
    assert "Robert &lt;b&gt;" in bob.get("/account").content.decode()
    (entry,) = noted(cast, Action.NAME_CHANGED)
    assert entry.details["now"] == "Robert <b>" and entry.person == cast.bob.user_id
    bob.post("/account", {"do": "name", "name": "Robert <b>"})
    assert len(noted(cast, Action.NAME_CHANGED)) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_name_that_is_none_is_refused_at_its_field(cast: Any, bob: Client, name: str) -> None:
    before = User.objects.get(email=BOB).name
    refused = bob.post("/account", {"do": "name", "name": name})
    assert refused.status_code == 422 and b"field-error" in refused.content
    assert User.objects.get(email=BOB).name == before


def test_a_new_password_ends_every_other_session(cast: Any, bob: Client) -> None:
    elsewhere = Client()
    sign_in(elsewhere, BOB)
    assert elsewhere.get("/calls").status_code == 200
    assert b"Change password" in bob.get("/account").content
    answer = change(bob)
    assert answer.status_code == 303 and answer.headers["Location"] == "/account"
    assert bob.get("/calls").status_code == 200
    assert elsewhere.get("/calls").status_code == 302
    assert sign_in(Client(), BOB).status_code == 200  # refused
    assert sign_in(Client(), BOB, NEW).status_code == 302
    assert len(noted(cast, Action.PASSWORD_SET)) == 1


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"password": "wrong"}, "Wrong password."),
        ({"password": ""}, "Enter your password."),
        ({"new_password2": "different-password-7"}, "The passwords don’t match."),
        ({"new_password1": "password", "new_password2": "password"}, "too common"),
        ({"new_password1": "", "new_password2": ""}, "Enter a new password."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    cast: Any, bob: Client, other: dict[str, str], says: str
) -> None:
    refused = change(bob, **other)
    assert refused.status_code == 422 and says in refused.content.decode()
    assert PASSWORD not in refused.content.decode() and NEW not in refused.content.decode()
    assert sign_in(Client(), BOB).status_code == 302


def test_wrong_passwords_are_counted_as_at_the_sign_in(cast: Any, bob: Client) -> None:
    answers = [change(bob, password="wrong") for _ in range(6)]
    assert answers[-1].status_code == 429
    assert change(bob).status_code == 429


def test_strangers_and_those_without_a_password_change_none(cast: Any, bob: Client) -> None:
    assert change(Client()).status_code == 302
    user = User.objects.get(email=BOB)
    user.set_unusable_password()
    user.save()
    bob.force_login(user)
    assert change(bob).headers["Location"] == "/account"
    assert b"Change password" not in bob.get("/account").content


def test_what_programs_look_for_is_there(client: Client) -> None:
    assert client.get("/robots.txt").content == b"User-agent: *\nDisallow: /\n"
    assert client.get("/.well-known/change-password").headers["Location"] == WHERE


def test_commands_look_before_they_ask(cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("getpass.getpass", None)
    with pytest.raises(CommandError, match="is not a valid email address"):
        call_command("add_member", "acme", "no-address")
    with pytest.raises(CommandError, match="ZZ"):
        call_command("create_tenant", "Zed", country="ZZ")
    assert not Membership.unscoped.filter(user__email="no-address").exists()
