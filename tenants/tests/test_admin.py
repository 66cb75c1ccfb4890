"""The admin: one workspace at a time, searchable, few queries, bad input said at the field."""

import logging
import re
import time
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role, Tenant, User
from tenants.people import staff

ADMIN = "/admin/"
PICK = "/admin/workspace/"


@pytest.fixture
def root(cast: Any) -> User:
    """Runs the installation; a member of no workspace."""
    return User.objects.create_superuser("root@example.com", "a-long-enough-password")


@pytest.fixture
def superuser(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def in_acme(superuser: Client, cast: Any) -> Client:
    superuser.post(PICK, {"workspace": str(cast.acme.pk)}, follow=True)
    return superuser


def field_errors(response: Any) -> dict[str, Any]:
    return dict(response.context["adminform"].form.errors)


# --- whose workspace -----------------------------------------------------------------------------


def test_a_superuser_picks_a_workspace_and_sees_that_one_only(superuser: Client, cast: Any) -> None:
    assert superuser.get(ADMIN).headers["Location"] == PICK
    for chosen, other in ((cast.acme, cast.borealis), (cast.borealis, cast.acme)):
        answer = superuser.post(PICK, {"workspace": str(chosen.pk)})
        assert answer.headers["Location"] == ADMIN
        for page in ("contacts/contact/", "calls/phonenumber/", "tenants/user/", "tenants/tenant/"):
            said = superuser.get(ADMIN + page).content.decode()
            rows = said[said.index('id="changelist"') :]
            assert chosen.slug in rows.lower() or "+" in rows
            assert other.slug not in rows.lower()
        theirs = {cast.acme: cast.alice, cast.borealis: cast.charlie}[other]
        assert superuser.get(f"{ADMIN}tenants/membership/{theirs.pk}/change/").status_code == 302
        assert superuser.get(f"{ADMIN}tenants/user/{theirs.user_id}/change/").status_code == 302
        assert superuser.get(f"{ADMIN}tenants/tenant/{other.pk}/change/").status_code == 302
        assert superuser.get(f"{ADMIN}tenants/tenant/{chosen.pk}/change/").status_code == 200


def test_the_choice_is_logged_and_ends_by_itself(
    superuser: Client, root: User, cast: Any, caplog: Any, monkeypatch: Any
) -> None:
    with caplog.at_level(logging.WARNING, "tenants.people.staff"):
        superuser.post(PICK, {"workspace": str(cast.acme.pk)}, follow=True)
    assert str(root.pk) in caplog.text and str(cast.acme.pk) in caplog.text
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (root, str(cast.acme.pk))
    assert superuser.get(ADMIN).status_code == 200
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + staff.SECONDS + 1)
    assert superuser.get(ADMIN).headers["Location"] == PICK


def test_a_superuser_can_leave(in_acme: Client) -> None:
    in_acme.post(PICK, {"leave": "1"})
    assert in_acme.get(ADMIN).headers["Location"] == PICK


def test_the_choice_counts_in_the_admin_only(in_acme: Client) -> None:
    assert in_acme.get(ADMIN).status_code == 200
    assert in_acme.get("/contacts").status_code == 403


def test_whoever_is_no_superuser_any_more_has_no_choice(in_acme: Client, root: User) -> None:
    root.is_superuser = False
    root.save()
    said = in_acme.get(ADMIN)
    assert said.status_code == 200 and "Acme" not in said.content.decode()


def test_a_member_who_runs_the_installation_starts_in_their_own(cast: Any, client: Client) -> None:
    User.objects.filter(pk=cast.alice.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=cast.alice.user_id))
    assert "Acme" in client.get(ADMIN).content.decode()
    client.post(PICK, {"workspace": str(cast.borealis.pk)})
    answer: Any = client.get(ADMIN)
    assert "Borealis" in answer.content.decode()
    request = answer.wsgi_request
    assert (request.tenant, request.member) == (cast.borealis, None)
    assert "Maria of Acme" in client.get("/contacts").content.decode()
    client.post(PICK, {"workspace": str(cast.acme.pk)})
    answer = client.get(ADMIN)
    request = answer.wsgi_request
    assert (request.tenant, request.member) == (cast.acme, cast.alice)


def test_staff_see_their_own_workspace_and_neither_tenants_nor_users(
    staff: Client, cast: Any
) -> None:
    said = staff.get(ADMIN).content.decode()
    assert "Contacts" in said and "Memberships" in said and "Choose workspace" not in said
    assert "/admin/auth/group/" not in said
    assert staff.get(PICK).status_code == 404
    assert staff.post(PICK, {"workspace": str(cast.borealis.pk)}).status_code == 404
    for table in ("tenant", "user"):
        assert staff.get(f"{ADMIN}tenants/{table}/").status_code == 403
    people = staff.get(f"{ADMIN}tenants/membership/").content.decode()
    assert "Bob" in people and "Charlie" not in people
    assert staff.get(f"{ADMIN}tenants/membership/add/").status_code == 403
    with tenant_transaction(cast.borealis.pk):
        theirs = cast.borealis_maria.pk
    assert staff.get(f"{ADMIN}contacts/contact/{cast.acme_maria.pk}/change/").status_code == 200
    assert staff.get(f"{ADMIN}contacts/contact/{theirs}/change/").status_code == 302


def test_staff_cannot_make_themselves_more(staff: Client, cast: Any) -> None:
    page = f"{ADMIN}tenants/membership/{cast.bob.pk}/change/"
    assert staff.get(page).status_code == 200
    assert staff.post(page, {"role": "admin", "is_active": "on"}).status_code == 403


@pytest.mark.parametrize("who", [None, "bob"])
def test_others_are_asked_to_sign_in(cast: Any, client: Client, who: str | None) -> None:
    if who:
        client.force_login(getattr(cast, who).user)
    answer = client.get(ADMIN)
    assert answer.status_code == 302 and "/admin/login/" in answer.headers["Location"]


# --- people and workspaces -----------------------------------------------------------------------


def test_a_new_member_comes_with_their_person(in_acme: Client, cast: Any) -> None:
    given = {"email": "Dana@Acme.example", "name": "Dana", "role": "agent", "password": ""}
    page = f"{ADMIN}tenants/membership/add/"
    assert set(field_errors(in_acme.post(page, given | {"password": "short"}))) == {"password"}
    assert set(field_errors(in_acme.post(page, given | {"email": "no"}))) == {"email"}
    assert set(field_errors(in_acme.post(page, given | {"email": "bob@acme.example"}))) == {"email"}
    assert in_acme.post(page, given).status_code == 302
    with tenant_transaction(cast.acme.pk):
        made = Membership.objects.select_related("user").get(user__email="dana@acme.example")
    assert (made.role, made.user.name, made.user.has_usable_password()) == ("agent", "Dana", False)


def test_the_last_admin_cannot_be_taken_away(in_acme: Client, cast: Any) -> None:
    page = f"{ADMIN}tenants/membership/{cast.alice.pk}/change/"
    refused = field_errors(in_acme.post(page, {"role": "agent", "is_active": "on"}))
    assert set(refused) == {"role"}
    assert set(field_errors(in_acme.post(page, {"role": "admin"}))) == {"is_active"}
    other = f"{ADMIN}tenants/membership/{cast.bob.pk}/change/"
    assert in_acme.post(other, {"role": "admin", "is_active": "on"}).status_code == 302
    assert in_acme.post(page, {"role": "agent", "is_active": "on"}).status_code == 302
    with tenant_transaction(cast.acme.pk):
        assert Membership.objects.get(pk=cast.alice.pk).role == Role.AGENT


def test_a_workspace_is_made_and_changed_with_errors_at_the_field(
    in_acme: Client, cast: Any
) -> None:
    given = {"name": "Crane", "slug": "crane", "country": "DE", "time_zone": "Europe/Berlin"}
    page = f"{ADMIN}tenants/tenant/add/"
    for field, value in (("country", "Germany"), ("time_zone", "Berlin"), ("slug", "acme")):
        assert set(field_errors(in_acme.post(page, given | {field: value}))) == {field}
    assert in_acme.post(page, given).headers["Location"] == PICK
    assert Tenant.objects.get(slug="crane").clerk_org_id is None
    own = f"{ADMIN}tenants/tenant/{cast.acme.pk}/change/"
    assert in_acme.post(own, given | {"slug": "acme", "name": "Acme Ltd"}).status_code == 302
    assert Tenant.objects.get(pk=cast.acme.pk).name == "Acme Ltd"
    assert in_acme.post(f"{ADMIN}tenants/tenant/{cast.acme.pk}/delete/").status_code == 403


def test_a_person_is_found_and_changed(in_acme: Client, cast: Any) -> None:
    said = in_acme.get(f"{ADMIN}tenants/user/?q=bob").content.decode()
    assert "bob@acme.example" in said and "alice@acme.example" not in said
    page = f"{ADMIN}tenants/user/{cast.bob.user_id}/change/"
    assert in_acme.get(page).status_code == 200
    assert set(field_errors(in_acme.post(page, {"email": "no", "name": "B"}))) == {"email"}
    assert in_acme.post(page, {"email": "bob@acme.example", "name": "B"}).status_code == 302
    bob = User.objects.get(pk=cast.bob.user_id)
    assert (bob.name, bob.is_active) == ("B", False)
    assert in_acme.get(f"{ADMIN}tenants/user/add/").status_code == 403


def test_index_names_no_rows_of_other_workspaces(in_acme: Client, cast: Any) -> None:
    in_acme.post(PICK, {"workspace": str(cast.borealis.pk)})
    assert not re.search("Acme|acme", in_acme.get(ADMIN).content.decode())


def test_lists_of_people_cost_the_same_however_long(in_acme: Client, cast: Any) -> None:
    from tenants.people.services import add_member

    def cost(page: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert in_acme.get(ADMIN + page).status_code == 200
        return len(queries)

    pages = ("tenants/membership/", "tenants/user/")
    before = [cost(page) for page in pages]
    for serial in range(5):
        add_member(cast.acme, email=f"p{serial}@acme.example")
    assert [cost(page) for page in pages] == before
    assert max(before) <= 17
