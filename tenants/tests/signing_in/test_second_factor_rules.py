"""The second factor: who must have one, and who takes it away from whom."""

import re
from base64 import b32decode
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tenants.people.services import add_member
from tenants.signing_in import second_factor, sessions
from tenants.tests.people.test_settings import GOOD, MEMBERS
from tenants.tests.signing_in.second_factors import code_for, give, is_in, set_up, verify
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in
from tenants.trail.audit import Action

BOB, SET_UP = "bob@acme.example", "/sign-in/second-factor"
LOGS = "/api/twilio/call-logs"


def require(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(requires_second_factor=True)


# --- who must have one ----------------------------------------------------------------------------


def test_a_workspace_asks_it_of_its_members(cast: Any, bob: User, client: Client) -> None:
    client.force_login(bob)
    assert is_in(client)
    require(cast.acme)
    for path in ("/calls", "/contacts", "/account"):
        page = client.get(path, follow=True)
        assert page.redirect_chain[-1][0] == f"{SET_UP}?next={path}"
        assert "It’s required here" in page.content.decode()
    assert client.get(LOGS).status_code == 401
    set_up(client)
    assert is_in(client) and client.get(LOGS).status_code == 200
    charlie = Client()
    charlie.force_login(cast.charlie.user)
    assert is_in(charlie)  # of another workspace, which does not ask


@pytest.mark.parametrize("asks", ["workspace", "site"])
def test_a_session_from_before_it_was_asked_sets_nothing_up_without_the_password(
    cast: Any, bob: User, client: Client, settings: Any, asks: str
) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        sign_in(client, BOB)
        if asks == "workspace":
            require(cast.acme)
        else:
            settings.ADMIN_NEEDS_SECOND_FACTOR = True
            User.objects.filter(pk=bob.pk).update(is_staff=True)
        page = client.get(SET_UP)
        assert 'name="password"' not in page.content.decode()  # it was shown a moment ago
        key = b32decode(page.context["secret"].replace(" ", ""))
        clock.shift(sessions.FRESH_SECONDS - 1)
        assert 'name="password"' not in client.get(SET_UP).content.decode()
        clock.shift(1)
        assert 'name="password"' in client.get(SET_UP).content.decode()
        for password in ({}, {"password": "wrong"}):
            refused = client.post(SET_UP, {"code": code_for(key)} | password)
            assert refused.status_code == 422
            assert list(refused.context["form"].errors) == ["password"]
        for _ in range(4):
            refused = client.post(SET_UP, {"code": code_for(key), "password": "wrong"})
        assert refused.status_code == 429 and refused.headers["Retry-After"] == "900"
        assert not second_factor.has(bob) and not is_in(client)
        clock.shift(901)
        set_up(client)
        assert second_factor.has(bob) and is_in(client)


def test_a_box_on_the_settings_page_asks_it(cast: Any, signed_in: Any) -> None:
    alice = signed_in(cast.alice)
    alice.post("/settings", GOOD | {"requires_second_factor": "1"})
    assert Tenant.objects.get(pk=cast.acme.pk).requires_second_factor
    assert alice.get("/settings", follow=True).redirect_chain[-1][0].startswith(SET_UP)
    set_up(alice)
    assert "checked" in re.findall("<input[^>]*name=.requires_second[^>]*>", _settings(alice))[0]
    alice.post("/settings", GOOD)
    assert not Tenant.objects.get(pk=cast.acme.pk).requires_second_factor


def _settings(client: Client) -> str:
    return client.get("/settings").content.decode()


def test_whoever_turns_it_off_where_it_is_asked_sets_up_another(
    half_in: Client, bob: User, codes: list[str], cast: Any
) -> None:
    require(cast.acme)
    client = verify(half_in, bob)
    client.post("/account", {"password": PASSWORD, "code": codes[0], "do": "off"})
    assert client.get("/calls", follow=True).redirect_chain[-1][0].startswith(SET_UP)


@pytest.mark.parametrize(("is_needed", "leads_to"), [(True, SET_UP), (False, "/admin/workspace/")])
def test_a_public_site_asks_it_of_whoever_may_use_the_admin(
    cast: Any, client: Client, settings: Any, is_needed: bool, leads_to: str
) -> None:
    settings.ADMIN_NEEDS_SECOND_FACTOR = is_needed
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0].startswith(leads_to)
    if is_needed:
        set_up(client)
        assert client.get("/admin/").headers["Location"] == "/admin/workspace/"
        assert "root@example.com" in client.get("/account").content.decode()


def test_a_member_who_is_no_staff_is_told_so_by_the_admin(cast: Any, signed_in: Any) -> None:
    answer = signed_in(cast.bob).get("/admin/", follow=True)
    assert answer.status_code == 403 and "have access to the admin" in answer.content.decode()


def test_the_admin_shows_no_devices_and_no_failures(cast: Any, client: Client) -> None:
    give(cast.charlie.user)
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    client.post("/admin/workspace/", {"workspace": str(cast.acme.pk)})
    index = client.get("/admin/").content.decode()
    assert "otp" not in index.lower() and "axes" not in index.lower()
    for path in ("otp_totp/totpdevice", "otp_static/staticdevice", "axes/accessattempt"):
        assert client.get(f"/admin/{path}/").status_code == 404


# --- losing it ------------------------------------------------------------------------------------


def test_an_admin_resets_a_members_second_factor(
    half_in: Client, bob: User, cast: Any, signed_in: Any
) -> None:
    bobs = verify(half_in, bob)
    alice = Client()
    alice.force_login(cast.alice.user)
    assert "Reset two-factor sign-in for Bob" in alice.get(MEMBERS).content.decode()
    done = alice.post(f"{MEMBERS}/{cast.bob.pk}", {"do": "reset_second_factor"}, follow=True)
    assert "Bob now signs in with just a password." in done.content.decode()
    trail = alice.get("/settings/audit-trail").content.decode()
    assert "Reset how a member signs in" in trail
    assert not is_in(bobs)
    assert sign_in(bobs, BOB).status_code == 302 and is_in(bobs)


@pytest.mark.parametrize("who", ["self", "elsewhere", "staff"])
def test_an_admin_resets_nobody_whose_sign_in_is_not_the_workspaces_alone(
    cast: Any, bob: User, codes: list[str], who: str, client: Client
) -> None:
    client.force_login(cast.alice.user)
    target = cast.bob
    if who == "self":
        give(cast.alice.user)
        sign_in(client, "alice@acme.example")
        client, target = verify(client, cast.alice.user), cast.alice
    elif who == "elsewhere":
        add_member(cast.borealis, email=BOB, account_is_theirs=True)
    else:
        User.objects.filter(pk=bob.pk).update(is_staff=True)
    answer = client.post(f"{MEMBERS}/{target.pk}", {"do": "reset_second_factor"})
    assert answer.status_code == 422
    assert "Ask your system administrator" in answer.content.decode()
    assert second_factor.has(target.user)


def test_others_reset_nothing(cast: Any, codes: list[str], client: Client) -> None:
    for person in (cast.charlie, cast.bob):
        User.objects.filter(pk=person.user_id)
        client.force_login(person.user)
        answer = client.post(f"{MEMBERS}/{cast.bob.pk}", {"do": "reset_second_factor"})
        assert answer.status_code in (302, 403, 404)
    assert second_factor.has(cast.bob.user)


def test_the_operator_resets_anybodys(cast: Any, bob: User, half_in: Client, capsys: Any) -> None:
    bobs = verify(half_in, bob)
    call_command("reset_second_factor", "BOB@acme.example")
    assert "bob@acme.example now signs in with just a password" in capsys.readouterr().out
    assert not second_factor.has(bob) and not is_in(bobs)
    with tenant_transaction(cast.acme.pk):
        entry = AuditEntry.objects.get(action=Action.MEMBER_RESET)
    assert (entry.name, entry.object_id) == ("Operator", str(cast.bob.pk))
    with pytest.raises(CommandError, match="does not use two-factor"):
        call_command("reset_second_factor", BOB)
    with pytest.raises(CommandError, match="No one has the address"):
        call_command("reset_second_factor", "x@y.example")
