"""Somebody who has an account already, made or used by another workspace, and joins this one."""

from contextlib import closing
from threading import Event, Thread
from typing import Any

import pytest
import time_machine
from django.contrib.auth.forms import SetPasswordForm
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tenants.fence import roles
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Membership, Role, Tenant, User
from tenants.people import services
from tenants.tests.people.test_settings import MEMBERS, NEW, PASSWORD, invite, set_password
from tenants.tests.signing_in.second_factors import is_in, set_up
from tenants.tests.signing_in.test_sign_in import sign_in
from tenants.trail.audit import Action

CEO = "ceo@borealis.example"
BOB, THEIRS = "bob@acme.example", NEW | {"email": "charlie@borealis.example"}
INVITE = f"{MEMBERS}/invite"
PAGE = "/admin/tenants/membership/add/"


def add(*more: str) -> None:
    call_command("add_member", "borealis", CEO, "--role=admin", *more)


def given_roles(tenant: Tenant) -> list[str]:
    """Of the chief in this workspace."""
    with tenant_transaction(tenant.pk):
        return list(Membership.objects.filter(user__email=CEO).values_list("role", flat=True))


def noted(tenant: Tenant) -> list[tuple[str, str, dict[str, Any]]]:
    """(who, about whom, details) of members that were added or refused, but the cast."""
    with tenant_transaction(tenant.pk):
        found = AuditEntry.objects.filter(
            action__in=(Action.MEMBER_ADDED, Action.MEMBER_REFUSED)
        ).exclude(name="System")
        return [(one.name, one.object_label, one.details) for one in found.order_by("at", "id")]


@pytest.fixture
def stolen(cast: Any, signed_in: Any) -> Client:
    """The browser of Acme's admin, who invited Borealis's chief and opened the link herself."""
    browser = Client()
    set_password(browser, invite(cast, signed_in, email=CEO))
    assert is_in(browser)
    return browser


@pytest.mark.skipif(not roles.application_role(), reason="SQLite locks the whole database")
def test_a_link_that_becomes_void_while_it_is_used_opens_nothing(
    committed_cast: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast, joined = committed_cast, Event()

    def join() -> None:
        with closing(connection):
            services.add_member(cast.borealis, email=CEO)
        joined.set()

    link, thread = invite(cast, signed_in, email=CEO), Thread(target=join)
    save = SetPasswordForm.save

    def slowly(self: Any, commit: bool = True) -> Any:
        thread.start()
        joined.wait(1)  # the link has been found good; whoever waits for its lock comes after it
        return save(self, commit)

    monkeypatch.setattr(SetPasswordForm, "save", slowly)
    set_password(Client(), link)
    thread.join()
    assert joined.is_set()
    assert not User.objects.get(email=CEO).has_usable_password()


@pytest.fixture
def in_borealis(cast: Any, client: Client) -> Client:
    """A superuser's, who looks into it."""
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    client.post("/admin/workspace/", {"workspace": str(cast.borealis.pk)})
    return client


def test_whoever_took_an_address_first_does_not_get_into_the_workspace_that_wants_it(
    cast: Any, stolen: Client
) -> None:
    with tenant_transaction(cast.acme.pk):
        services.set_active(Membership.objects.get(user__email=CEO), False)
    with pytest.raises(CommandError, match="--account-is-theirs"):
        add()
    assert given_roles(cast.borealis) == []
    sign_in(browser := Client(), CEO, PASSWORD)
    for each in (stolen, browser):
        assert each.get("/calls").status_code == each.get(MEMBERS).status_code == 403


def test_what_the_refusal_tells_to_do_shuts_them_out_and_lets_the_person_in(
    cast: Any, stolen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They set up a second factor, too; the suite's set-up shows the cast's password.
    monkeypatch.setattr("tenants.tests.signing_in.second_factors.PASSWORD", PASSWORD)
    set_up(stolen)
    with pytest.raises(CommandError) as refused:
        add()
    for step in (f"`changepassword {CEO}`", f"`reset_second_factor {CEO}`"):
        assert step in str(refused.value)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "quite-another-one-57")
    call_command("changepassword", CEO)
    call_command("reset_second_factor", CEO)
    add("--account-is-theirs")
    sign_in(thief := Client(), CEO, PASSWORD)
    assert not is_in(stolen) and not is_in(thief)
    sign_in(chief := Client(), CEO, "quite-another-one-57")
    assert is_in(chief) and given_roles(cast.borealis) == ["admin"]


def test_the_operator_may_say_that_the_account_is_the_persons_own(
    cast: Any, stolen: Client
) -> None:
    with pytest.raises(CommandError, match="No one was added"):
        add()
    add("--account-is-theirs")
    add()  # is a member already: nobody new comes in
    assert given_roles(cast.borealis) == ["admin"]
    confirmed = {"role": "admin", "known_account": "confirmed as theirs"}
    assert noted(cast.borealis) == [
        ("Operator", CEO, {}),
        ("Operator", "Dora (Admin)", confirmed),
        ("Operator", "Dora (Admin)", {"role": "admin"}),
    ]
    assert len(noted(cast.acme)) == 1  # her own invitation


def test_the_admin_asks_the_same_at_the_field(
    cast: Any, stolen: Client, in_borealis: Client
) -> None:
    given = {"email": CEO, "name": "", "role": "admin", "password": ""}
    refused: Any = in_borealis.post(PAGE, given)
    errors = refused.context["adminform"].form.errors
    assert list(errors) == ["account_is_theirs"] and "through a channel you trust" in str(errors)
    assert given_roles(cast.borealis) == []
    done = in_borealis.post(PAGE, given | {"account_is_theirs": "on"})
    assert done.status_code == 302 and given_roles(cast.borealis) == ["admin"]
    refusal, joined = noted(cast.borealis)
    assert refusal == ("root@example.com (operator)", CEO, {})
    assert joined[2]["known_account"] == "confirmed as theirs"


def test_an_invitation_of_somebody_elses_address_is_noted_with_it(
    cast: Any, signed_in: Any
) -> None:
    alice = signed_in(cast.alice)
    alice.post(INVITE, NEW | {"email": "CHARLIE@borealis.example"})
    alice.post(INVITE, NEW | {"email": "bob@acme.example"})  # tells nothing of others
    assert noted(cast.acme) == [("Alice", "charlie@borealis.example", {})]
    assert noted(cast.borealis) == []


def test_a_workspace_that_tries_address_after_address_is_told_no_more(cast: Any) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        alice, other, elsewhere = Client(), Client(), Client()
        alice.force_login(cast.alice.user)
        other.force_login(services.add_member(cast.acme, email=CEO, role="admin")[0].user)
        elsewhere.force_login(cast.charlie.user)
        for client in (alice, other, alice, other, alice):
            assert client.post(INVITE, THEIRS).status_code == 422
            clock.shift(60)
        for client, address in ((alice, THEIRS), (alice, NEW), (other, THEIRS), (other, NEW)):
            refused = client.post(INVITE, address)
            assert refused.status_code == 429 and refused.headers["Retry-After"] == "3300"
            errors = refused.context["form"].errors
            assert errors == {"email": ["Too many failed attempts. Try again in 55 minutes."]}
        assert len(noted(cast.acme)) == services.MOST_REFUSED
        assert not User.objects.filter(email=NEW["email"].lower()).exists()
        with tenant_transaction(cast.borealis.pk):
            services.set_role(cast.charlie, Role.ADMIN)
        assert elsewhere.post(INVITE, NEW | {"email": BOB}).status_code == 422
        clock.shift(3300)
        assert alice.post(INVITE, NEW).status_code == 200


@pytest.mark.parametrize("whose", ["of nobody", "of this workspace", "without a password"])
def test_nothing_is_asked_where_nobody_elsewhere_can_have_set_the_password(
    cast: Any, signed_in: Any, whose: str
) -> None:
    if whose == "of nobody":
        User.objects.create_user(CEO, PASSWORD)
    elif whose == "of this workspace":
        services.add_member(cast.borealis, email=CEO, password=PASSWORD)
    else:
        invite(cast, signed_in, email=CEO)
    add()
    assert given_roles(cast.borealis) == ["admin"]
    assert [details for _, _, details in noted(cast.borealis)] == [{"role": "admin"}]
