"""The audit trail: written with the change or not at all, never changed, seen by admins only."""

import csv
import io
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.bricks.http import client_address
from tenants.fence.context import TenantNotSet, tenant_transaction
from tenants.models import AuditEntry, Role, User
from tenants.people import services
from tenants.trail import audit
from tenants.trail.audit import Action, Thing

PASSWORD = "a-long-enough-password"  # the cast's
TRAIL = "/settings/audit-trail"


def entries(tenant: Any, *actions: Action) -> list[AuditEntry]:
    with tenant_transaction(tenant.pk):
        found = AuditEntry.objects.order_by("at", "id")
        return list(found.filter(action__in=actions) if actions else found)


def write(tenant: Any, **fields: Any) -> AuditEntry:
    with tenant_transaction(tenant.pk):
        entry: AuditEntry = AuditEntry.objects.create(
            **{"action": Action.SETTINGS_CHANGED, "name": "System"} | fields
        )
        return entry


# --- writing -------------------------------------------------------------------------------------


def test_a_change_and_its_entry_stand_or_fall_together(cast: Any) -> None:
    with pytest.raises(ZeroDivisionError), tenant_transaction(cast.acme.pk):
        services.set_role(cast.bob, Role.SUPERVISOR)
        1 / 0  # noqa: B018
    assert entries(cast.acme, Action.ROLE_CHANGED) == []
    with tenant_transaction(cast.acme.pk):
        cast.bob.refresh_from_db()
        assert cast.bob.role == Role.AGENT
        services.set_role(cast.bob, Role.SUPERVISOR)
    (entry,) = entries(cast.acme, Action.ROLE_CHANGED)
    assert entry.details == {"role": ["agent", "supervisor"]}
    assert (entry.object_id, entry.name) == (str(cast.bob.pk), "System")


def test_a_change_that_cannot_be_noted_is_not_made(
    cast: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(cast.alice)
    client.raise_request_exception = False
    change = {"name": "Acme Two", "country": "US", "time_zone": "UTC"}

    def fail(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError("the trail is full")

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fail)
        assert client.post("/settings", change).status_code == 500
    cast.acme.refresh_from_db()
    assert cast.acme.name == "Acme"
    assert client.post("/settings", change).status_code == 303
    cast.acme.refresh_from_db()
    assert cast.acme.name == "Acme Two"


def test_an_entry_belongs_to_a_workspace(cast: Any) -> None:
    with pytest.raises(TenantNotSet), transaction.atomic():
        audit.record(Action.SETTINGS_CHANGED)


@pytest.mark.parametrize("statement", ["UPDATE {} SET name = 'Nobody'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_was_written(cast: Any, statement: str) -> None:
    if connection.vendor == "sqlite" and statement.startswith("DELETE"):
        pytest.skip("conftest.py takes this trigger away on SQLite")
    entry = write(cast.acme)
    table = AuditEntry._meta.db_table
    with (
        tenant_transaction(cast.acme.pk),
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
    assert entry in entries(cast.acme)
    assert [one.name for one in entries(cast.acme, Action.SETTINGS_CHANGED)] == ["System"]


def test_an_entry_outlives_who_and_what_it_speaks_of(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    client.get(reverse("contact", args=[cast.acme_maria.pk]))
    with tenant_transaction(cast.acme.pk):
        cast.acme_maria.delete()
    User.objects.filter(pk=cast.alice.user_id).update(name="Someone else")
    (entry,) = entries(cast.acme, Action.CONTACT_VIEWED)
    assert (entry.name, entry.object_label) == ("Alice", "Maria of Acme")


# --- who, from where -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"REMOTE_ADDR": "198.51.100.7"}, "198.51.100.7"),
        # Not behind TLS there is no proxy: anybody can send this header.
        ({"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "10.0.0.1"}, "198.51.100.7"),
        ({"REMOTE_ADDR": "2001:db8::7"}, "2001:db8::7"),
        ({"REMOTE_ADDR": ""}, None),
    ],
)
def test_signing_in_is_noted_with_the_address(
    cast: Any, client: Client, headers: dict[str, str], address: str | None
) -> None:
    form = {"username": "alice@acme.example", "password": PASSWORD}
    client.post("/sign-in", form | {"password": "wrong"}, **headers)  # type: ignore[arg-type]
    assert entries(cast.acme, Action.SIGNED_IN) == []
    client.post("/sign-in", form, **headers)  # type: ignore[arg-type]
    (entry,) = entries(cast.acme, Action.SIGNED_IN)
    assert (entry.person, entry.name, entry.address) == (cast.alice.user_id, "Alice", address)
    assert entries(cast.borealis, Action.SIGNED_IN) == []


def test_behind_the_proxy_the_address_is_the_one_that_it_noted(rf: Any, settings: Any) -> None:
    settings.IS_HTTPS = True
    headers = {"X-Forwarded-For": "1.1.1.1, 198.51.100.9"}
    assert client_address(rf.get("/", headers=headers, REMOTE_ADDR="127.0.0.1")) == "198.51.100.9"
    assert client_address(rf.get("/", headers={"X-Forwarded-For": "<script>"})) is None


def test_who_asked_is_forgotten_with_the_request(cast: Any, signed_in: Any) -> None:
    signed_in(cast.alice).get("/settings")
    with tenant_transaction(cast.acme.pk):
        audit.record(Action.LIMITS_CHANGED)
    (entry,) = entries(cast.acme, Action.LIMITS_CHANGED)
    assert (entry.person, entry.name, entry.address) == (None, "System", None)


def test_a_command_is_the_operators(cast: Any) -> None:
    call_command("add_member", "acme", cast.bob.user.email, "--role", "supervisor")
    found = entries(cast.acme, Action.MEMBER_ADDED)[-1]
    assert (found.name, found.details) == ("Operator", {"role": "supervisor"})


def test_support_that_looks_in_stands_in_the_trail_before_it_sees_anything(
    cast: Any, client: Client
) -> None:
    root = User.objects.create_superuser("root@example.com", PASSWORD)
    client.force_login(root)
    client.post("/admin/workspace/", {"workspace": str(cast.acme.pk)})
    client.get("/admin/contacts/contact/")
    client.get("/admin/contacts/contact/")
    (entry,) = entries(cast.acme, Action.WORKSPACE_PICKED)
    assert (entry.person, entry.name) == (root.pk, "root@example.com (operator)")
    assert entries(cast.borealis, Action.WORKSPACE_PICKED) == []


def test_what_is_changed_in_the_admin_is_noted(cast: Any, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    client.post("/admin/workspace/", {"workspace": str(cast.acme.pk)})
    url = f"/admin/contacts/contact/{cast.acme_maria.pk}/"
    rows = {"numbers-TOTAL_FORMS": "0", "numbers-INITIAL_FORMS": "0"}
    client.post(url + "change/", {"name": "Mary", "company": "", "email": ""} | rows)
    client.post("/admin/contacts/contact/add/", {"name": "New", "company": "", "email": ""} | rows)
    client.post(url + "delete/", {"post": "yes"})
    noted = [
        (entry.action, entry.object_label)
        for entry in entries(
            cast.acme, Action.ADMIN_ADDED, Action.ADMIN_CHANGED, Action.ADMIN_DELETED
        )
    ]
    assert noted == [
        ("admin_changed", "Mary"),
        ("admin_added", "New"),
        ("admin_deleted", "Mary"),
    ]


def test_what_a_staff_member_looks_at_in_the_admin_is_noted(cast: Any, staff: Client) -> None:
    with tenant_transaction(cast.borealis.pk):
        theirs = cast.borealis_maria.pk
    for _ in range(2):
        for pk in (cast.acme_maria.pk, theirs, uuid.uuid4()):
            staff.get(f"/admin/contacts/contact/{pk}/change/")
    (entry,) = entries(cast.acme, Action.ADMIN_VIEWED)
    assert (entry.name, entry.object_label) == ("Alice", "Maria of Acme")
    assert entries(cast.borealis, Action.ADMIN_VIEWED) == []


# --- what ----------------------------------------------------------------------------------------


def test_settings_are_noted_with_what_was_and_what_is(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    form = {"name": "Acme", "country": "US", "time_zone": "UTC", "records_calls": "1"}
    client.post("/settings", form)
    assert entries(cast.acme, Action.SETTINGS_CHANGED) == []  # nothing was changed
    client.post("/settings", form | {"country": "DE"})
    (entry,) = entries(cast.acme, Action.SETTINGS_CHANGED)
    assert (entry.details, entry.name) == ({"country": ["US", "DE"]}, "Alice")


def test_members_and_contacts_are_noted_without_their_contents(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    client.post("/settings/members/invite", {"email": "d@x.example", "name": "D", "role": "agent"})
    client.post(f"/settings/members/{cast.bob.pk}", {"do": "deactivate"})
    client.post(f"/settings/members/{cast.bob.pk}", {"do": "reactivate"})
    client.post("/contacts/new", {"name": "Zoe", "number": "+14155550123", "label": ""})
    maria = reverse("contact_edit", args=[cast.acme_maria.pk])
    client.post(maria, {"name": "Maria S. Secret", "number": "+14155550100", "label": "work"})
    client.post(reverse("contact_archive", args=[cast.acme_maria.pk]))
    noted = [one for one in entries(cast.acme) if one.person == cast.alice.user_id]
    assert [one.action for one in noted] == [
        "signed_in",
        "member_added",
        "link_made",
        "member_deactivated",
        "member_reactivated",
        "contact_created",
        "contact_changed",
        "contact_archived",
    ]
    assert noted[6].details == {"fields": "name, company"}


@pytest.mark.parametrize("page", ["contact", "contact_edit"])
def test_one_look_at_a_contact_is_one_entry_however_often_the_page_asks(
    cast: Any, signed_in: Any, page: str
) -> None:
    url = reverse(page, args=[cast.acme_maria.pk])
    client = signed_in(cast.alice)
    for _ in range(3):
        client.get(url)
    assert len(entries(cast.acme, Action.CONTACT_VIEWED)) == 1
    signed_in(cast.bob).get(url)
    assert len(entries(cast.acme, Action.CONTACT_VIEWED)) == 2


def test_a_look_is_noted_again_after_a_while(cast: Any) -> None:
    earlier = timezone.now() - audit.SAME_LOOK - timedelta(seconds=1)
    write(cast.acme, action=Action.CALL_VIEWED, object_id="1", at=earlier)
    for _ in range(2):
        with tenant_transaction(cast.acme.pk):
            audit.record_look(Action.CALL_VIEWED, on=Thing("call", 1, "A call"))
    assert len(entries(cast.acme, Action.CALL_VIEWED)) == 2


# --- reading -------------------------------------------------------------------------------------


def test_the_page_is_filtered_by_person_action_and_day(cast: Any, signed_in: Any) -> None:
    day = timezone.now().replace(hour=12) - timedelta(days=3)
    bob: dict[str, Any] = {"person": cast.bob.user_id, "name": "Bob"}
    write(cast.acme, object_label="one", **bob)
    write(cast.acme, object_label="two", action=Action.CALLS_EXPORTED, **bob)
    write(cast.acme, object_label="three", at=day, name="Operator")
    client = signed_in(cast.alice)

    def found(**query: str) -> set[str]:
        page = client.get(TRAIL, query)
        assert page.status_code == 200
        shown = {line.thing for line in page.context["entries"]}
        return shown & {"one", "two", "three"}

    assert found() == {"one", "two", "three"}
    assert found(person=str(cast.bob.user_id)) == {"one", "two"}
    assert found(person="outside") == {"three"}
    assert found(action="calls_exported") == {"two"}
    assert found(day=f"{day:%Y-%m-%d}") == {"three"}
    assert found(person=str(cast.bob.user_id), day=f"{day:%Y-%m-%d}") == set()
    wrong = client.get(TRAIL, {"person": str(cast.charlie.user_id), "day": "yesterday"})
    assert "Unknown person." in wrong.content.decode()
    assert "Enter a day like" in wrong.content.decode()


def test_older_entries_come_page_by_page_each_once(cast: Any, signed_in: Any) -> None:
    at = timezone.now() - timedelta(days=1)
    for serial in range(120):
        write(cast.acme, object_label=f"n{serial}", at=at)  # all of one moment
    client = signed_in(cast.alice)
    seen: list[str] = []
    url: str = TRAIL
    while url:
        page = client.get(url)
        seen += [line.thing for line in page.context["entries"]]
        url = page.context["more"]
    assert sorted(one for one in seen if one[0] == "n") == sorted(f"n{n}" for n in range(120))


def test_only_the_workspaces_admins_see_its_trail(
    cast: Any, signed_in: Callable[[Any], Client]
) -> None:
    write(cast.borealis, object_label="Borealis canary")
    write(cast.acme, object_label="Acme canary")
    for url in (TRAIL, TRAIL + "/export"):
        response = signed_in(cast.alice).get(url)
        text = b"".join(response).decode()  # type: ignore[call-overload]
        assert "Acme canary" in text and "Borealis canary" not in text
        assert signed_in(cast.bob).get(url).status_code == 403
        assert Client().get(url).status_code == 302


def test_the_trail_is_exported_and_that_is_noted(cast: Any, signed_in: Any) -> None:
    write(cast.acme, object_label="=cmd|' /C calc'!A0", details={"role": ["agent", "admin"]})
    response = signed_in(cast.alice).get(TRAIL + "/export", {"action": "settings_changed"})
    rows = list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))
    assert rows[0][:4] == ["at", "who", "address", "action"]
    assert rows[1][6:] == ["'=cmd|' /C calc'!A0", "role: agent → admin"]
    assert len(rows) == 2
    (entry,) = entries(cast.acme, Action.AUDIT_EXPORTED)
    assert entry.details == {"filters": "action=settings_changed"}


def test_the_command_prints_one_workspaces_trail(cast: Any) -> None:
    write(cast.acme, object_label="Acme canary")
    write(cast.borealis, object_label="Borealis canary")
    out = io.StringIO()
    call_command("audit_trail", "acme", stdout=out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert rows[0]["object"] == "Acme canary" and "Borealis canary" not in out.getvalue()
    out = io.StringIO()
    call_command("audit_trail", "acme", "--json", stdout=out)
    first = json.loads(out.getvalue().splitlines()[0])
    assert (first["object_label"], first["action"]) == ("Acme canary", "settings_changed")
    with pytest.raises(CommandError, match="Known: acme, borealis"):
        call_command("audit_trail", "nowhere")
