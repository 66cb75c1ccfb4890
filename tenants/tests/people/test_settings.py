"""A workspace's settings and members: who may change what, and what never happens."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.bricks.places import countries, time_zones, zone_name
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Membership, Role, Tenant, User, time_zone_names
from tenants.people.services import add_member
from tenants.tests import database
from tenants.trail.audit import Action

GOOD = {"name": "Acme Inc", "country": "DE", "time_zone": "Europe/Berlin", "records_calls": "1"}
NEW = {"email": "Dora@Acme.example", "name": "Dora", "role": "agent"}
PASSWORD = "a-really-good-one-31"
MEMBERS = "/settings/members"


def everything() -> list[Any]:
    fields = ("pk", "email", "name", "password", "is_active")
    users = list(User.objects.order_by("pk").values_list(*fields))
    return [users, database.rows(Tenant), database.rows(Membership)]


def member(cast: Any, email: str) -> Membership:
    with tenant_transaction(cast.acme.pk):
        return Membership.objects.select_related("user").get(user__email=email)


def invite(cast: Any, signed_in: Any, **more: str) -> str:
    """Dora's link, as Alice sees it; its path."""
    answer = signed_in(cast.alice).post(f"{MEMBERS}/invite", NEW | more)
    assert answer.status_code == 200
    return urlsplit(answer.context["link"]).path


def set_password(client: Client, link: str, password: str = PASSWORD) -> Any:
    form = client.get(link, follow=True)
    where = form.redirect_chain[-1][0] if form.redirect_chain else link
    sent = {"new_password1": password, "new_password2": password}
    return client.post(where, sent, follow=True)


# --- the workspace ----------------------------------------------------------------------------


def test_an_admin_changes_the_settings(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    assert "United States</option>" in client.get("/settings").content.decode()
    assert "The settings are saved." in client.post("/settings", GOOD, follow=True).content.decode()
    acme = Tenant.objects.get(pk=cast.acme.pk)
    assert (acme.name, acme.country, acme.time_zone) == ("Acme Inc", "DE", "Europe/Berlin")
    assert acme.records_calls and acme.slug == "acme"
    client.post("/settings", {**GOOD, "records_calls": ""})
    assert not Tenant.objects.get(pk=cast.acme.pk).records_calls


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "Enter a name for the workspace."),
        ({"country": "XX"}, "Choose a country from the list."),
        ({"time_zone": "Mars/Olympus"}, "is not a time zone"),
        ({"name": "x" * 121}, "at most 120"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    cast: Any, signed_in: Any, change: dict[str, str], said: str
) -> None:
    before = everything()
    answer = signed_in(cast.alice).post("/settings", GOOD | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert everything() == before


def test_every_country_and_time_zone_that_can_be_chosen_is_accepted(cast: Any) -> None:
    from tenants.people.forms import WorkspaceForm

    assert dict(countries())["GB"] == "United Kingdom"
    assert not [code for code, name in countries() if name == code], "each has a name"
    for _, zones in time_zones():
        for zone, _ in zones:
            assert WorkspaceForm(GOOD | {"time_zone": zone}, instance=Tenant()).is_valid(), zone


@pytest.mark.parametrize(
    ("time_zone", "name"),
    [
        ("America/Los_Angeles", "Pacific Time"),
        ("Europe/Berlin", "Central European Time"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
    ],
)
def test_a_time_zone_is_called_what_people_call_it(time_zone: str, name: str) -> None:
    assert zone_name(time_zone) == name


def test_every_time_zone_has_a_name() -> None:
    assert all(zone_name(name) and "Unknown" not in zone_name(name) for name in time_zone_names())


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR])
def test_others_are_told_that_the_page_is_for_admins(cast: Any, signed_in: Any, role: str) -> None:
    with tenant_transaction(cast.acme.pk):
        Membership.objects.filter(pk=cast.bob.pk).update(role=role)
    client, before = signed_in(cast.bob), everything()
    for path in ("/settings", MEMBERS):
        answer = client.get(path)
        assert answer.status_code == 403 and "for admins" in answer.content.decode()
    for path in ("/settings", f"{MEMBERS}/invite", f"{MEMBERS}/{cast.bob.pk}"):
        assert client.post(path, GOOD | NEW | {"do": "role", "role": "admin"}).status_code == 403
    assert everything() == before
    assert "data-nav" in client.get("/calls").content.decode()
    assert 'href="/settings"' not in client.get("/calls").content.decode()
    assert 'href="/settings"' in signed_in(cast.alice).get("/calls").content.decode()


def test_strangers_sign_in_first(cast: Any, client: Any) -> None:
    for path in ("/settings", MEMBERS):
        assert client.get(path).headers["Location"].startswith("/sign-in")


# --- invitations --------------------------------------------------------------------------------


def test_an_invited_person_sets_a_password_once_and_is_in(cast: Any, signed_in: Any) -> None:
    link = invite(cast, signed_in)
    dora = member(cast, "dora@acme.example")
    assert dora.role == Role.AGENT and not dora.user.has_usable_password()
    welcome = set_password(Client(), link)
    assert "Your password is set. Welcome." in welcome.content.decode()
    sent = {"username": "dora@acme.example", "password": PASSWORD}
    assert Client().post("/sign-in", sent).status_code == 302
    again = Client().get(link, follow=True)
    assert "This link has expired" in again.content.decode()


@pytest.mark.parametrize("given", ["is_staff", "is_superuser"])
def test_nobody_becomes_who_may_use_the_admin_by_a_link(
    cast: Any, signed_in: Any, given: str
) -> None:
    link = invite(cast, signed_in)
    dora = member(cast, NEW["email"].lower())
    path = f"{MEMBERS}/{dora.pk}"
    assert signed_in(cast.alice).post(path, {"do": "link"}).status_code == 200
    User.objects.filter(pk=dora.user_id).update(**{given: True})
    assert signed_in(cast.alice).post(path, {"do": "link"}).status_code == 422
    assert "This link has expired" in Client().get(link, follow=True).content.decode()


def test_a_link_grows_too_old(cast: Any, signed_in: Any, monkeypatch: Any) -> None:
    link = invite(cast, signed_in)
    later = datetime.now() + timedelta(days=3, minutes=1)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: later)
    assert "This link has expired" in Client().get(link, follow=True).content.decode()


def test_a_weak_password_is_refused_at_its_field(cast: Any, signed_in: Any) -> None:
    page = set_password(Client(), invite(cast, signed_in), "password").content.decode()
    assert "too common" in page
    assert not member(cast, "dora@acme.example").user.has_usable_password()


@pytest.mark.parametrize(
    "link", ["/set-password/x/y", "/set-password/AA/a-b", "/set-password/%00/x"]
)
def test_a_mistyped_link_is_no_error(cast: Any, client: Any, link: str) -> None:
    answer = client.get(link)
    assert answer.status_code in (200, 404)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email": "nobody"}, "Enter an address like"),
        ({"email": "bob@acme.example"}, "is already a member"),
        ({"email": "CHARLIE@borealis.example"}, "This email already has an account elsewhere"),
        ({"name": ""}, "Enter the person"),
        ({"role": "owner"}, "Choose a role"),
    ],
)
def test_a_refused_invitation_writes_nothing(
    cast: Any, signed_in: Any, change: dict[str, str], said: str
) -> None:
    before = everything()
    answer = signed_in(cast.alice).post(f"{MEMBERS}/invite", NEW | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert answer.context["link"] == ""
    assert everything() == before


def test_a_new_link_is_for_those_without_a_password_only(cast: Any, signed_in: Any) -> None:
    link = invite(cast, signed_in)
    dora, client = member(cast, "dora@acme.example"), signed_in(cast.alice)
    again = client.post(f"{MEMBERS}/{dora.pk}", {"do": "link"})
    assert "/set-password/" in again.context["link"]
    set_password(Client(), link)
    refused = client.post(f"{MEMBERS}/{dora.pk}", {"do": "link"})
    assert refused.status_code == 422 and refused.context["link"] == ""
    assert client.post(f"{MEMBERS}/{cast.bob.pk}", {"do": "link"}).status_code == 422


def test_no_link_opens_a_second_workspace(cast: Any, signed_in: Any) -> None:
    """Who was invited here and then joined elsewhere cannot be impersonated from here."""
    link = invite(cast, signed_in)
    dora = member(cast, "dora@acme.example")
    add_member(cast.borealis, email="dora@acme.example")
    assert "This link has expired" in Client().get(link, follow=True).content.decode()
    refused = signed_in(cast.alice).post(f"{MEMBERS}/{dora.pk}", {"do": "link"})
    assert refused.status_code == 422 and refused.context["link"] == ""


# --- roles and leaving ------------------------------------------------------------------------


def test_a_role_is_changed(cast: Any, signed_in: Any) -> None:
    answer = signed_in(cast.alice).post(
        f"{MEMBERS}/{cast.bob.pk}", {"do": "role", "role": "supervisor"}, follow=True
    )
    assert "Bob: Supervisor." in answer.content.decode()
    assert member(cast, "bob@acme.example").role == Role.SUPERVISOR


@pytest.mark.parametrize(
    "sent", [{"do": "role", "role": "agent"}, {"do": "deactivate"}], ids=["role", "deactivate"]
)
def test_the_last_admin_stays(cast: Any, signed_in: Any, sent: dict[str, str]) -> None:
    client, before = signed_in(cast.alice), everything()
    answer = client.post(f"{MEMBERS}/{cast.alice.pk}", sent)
    assert answer.status_code == 422
    assert "A workspace needs an admin." in answer.content.decode()
    assert everything() == before
    client.post(f"{MEMBERS}/{cast.bob.pk}", {"do": "role", "role": "admin"})
    User.objects.filter(pk=cast.bob.user_id).update(is_active=False)  # cannot sign in: no admin
    assert client.post(f"{MEMBERS}/{cast.alice.pk}", sent).status_code == 422
    User.objects.filter(pk=cast.bob.user_id).update(is_active=True)
    left = client.post(f"{MEMBERS}/{cast.alice.pk}", sent)
    assert left.status_code == 303 and left.headers["Location"] == "/calls"


def test_a_deactivated_members_sessions_stop_at_once_and_start_again(
    cast: Any, signed_in: Any
) -> None:
    bobs = Client()
    bobs.force_login(cast.bob.user)
    assert bobs.get("/calls").status_code == 200
    alices, path = signed_in(cast.alice), f"{MEMBERS}/{cast.bob.pk}"
    alices.post(path, {"do": "deactivate"})
    for address in ("/calls", "/contacts", "/settings"):
        answer = bobs.get(address)
        assert answer.status_code == 403
        assert "Maria" not in answer.content.decode()
    assert bobs.post("/calls/live-ticket").status_code == 403
    assert bobs.post("/api/twilio/access-token", {}).status_code in (401, 403)
    alices.post(path, {"do": "reactivate"})
    assert bobs.get("/calls").status_code == 200


def test_undo_is_offered_to_whoever_changed_something(cast: Any, signed_in: Any) -> None:
    alices, path, htmx = signed_in(cast.alice), f"{MEMBERS}/{cast.bob.pk}", {"HX-Request": "true"}
    first, second = (
        alices.post(path, {"do": "deactivate"}, headers=htmx).headers["HX-Trigger"]
        for _ in range(2)
    )
    assert "undo" in first and "undo" not in second
    with tenant_transaction(cast.acme.pk):
        assert AuditEntry.objects.filter(action=Action.MEMBER_DEACTIVATED).count() == 1


@pytest.mark.parametrize("do", ["role", "deactivate", "reactivate", "link"])
def test_another_workspaces_member_is_as_absent_as_none(cast: Any, signed_in: Any, do: str) -> None:
    before, client = everything(), signed_in(cast.alice)
    for member_id in (cast.charlie.pk, 10**30):
        answer = client.post(f"{MEMBERS}/{member_id}", {"do": do, "role": "admin"})
        assert answer.status_code == 404
    assert everything() == before


@pytest.mark.parametrize(
    ("sent", "status"),
    [({}, 400), ({"do": "promote"}, 400), ({"do": "role", "role": "owner"}, 422)],
)
def test_an_unknown_change_is_refused(
    cast: Any, signed_in: Any, sent: dict[str, str], status: int
) -> None:
    before = everything()
    assert signed_in(cast.alice).post(f"{MEMBERS}/{cast.bob.pk}", sent).status_code == status
    assert everything() == before


def test_the_members_page_costs_three_statements_for_however_many_members(
    cast: Any, signed_in: Any
) -> None:
    """One for whose page it is, one for everybody on it, one for what they are doing."""
    client = signed_in(cast.alice)
    for serial in range(12):
        add_member(cast.acme, email=f"m{serial}@acme.example", name=f"M{serial}")
    with CaptureQueriesContext(connection) as queries:
        assert "M11" in client.get(MEMBERS).content.decode()
    assert sum("tenants_membership" in query["sql"] for query in queries) == 3
