"""Net 3: PostgreSQL itself keeps tenants apart, and the product refuses to run without that."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.backends.signals import connection_created
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from tenants import doors
from tenants.bricks import first_connection
from tenants.bricks.first_connection import UnsafeDatabase, look_now_or_on_connect
from tenants.fence import roles
from tenants.fence.context import door, tenant_transaction
from tenants.fence.policies import USER_SETTING
from tenants.fence.scoping import tenant_models
from tenants.models import Membership, Tenant
from tenants.people.services import add_member
from tenants.tests.database import everything_visible

pytestmark = pytest.mark.skipif(
    not roles.application_role(), reason="only PostgreSQL has row-level security: use ./test"
)
Contact = apps.get_model("contacts.Contact")


def unfiltered(model: Any) -> Any:
    """All rows, past every manager of ours."""
    return QuerySet(model)


def test_without_any_filter_of_ours_a_tenant_sees_its_own_rows_only(cast: Any) -> None:
    with everything_visible():
        counts = {model: unfiltered(model).count() for model in tenant_models()}
    assert counts[Contact] == 2 and counts[Membership] == 3
    for tenant in (cast.acme, cast.borealis):
        with tenant_transaction(tenant.pk):
            for model in tenant_models():
                tenants = set(unfiltered(model).values_list("tenant_id", flat=True))
                assert tenants == ({tenant.pk} if counts[model] else set()), model


def test_without_a_tenant_nothing_is_seen(committed_cast: Any) -> None:
    assert [unfiltered(model).count() for model in tenant_models()] == [0] * len(tenant_models())


def test_what_was_said_ends_with_its_transaction(committed_cast: Any) -> None:
    with tenant_transaction(committed_cast.acme.pk):
        assert unfiltered(Contact).count() == 1
    with transaction.atomic():
        assert unfiltered(Contact).count() == 0


def test_foreign_rows_cannot_be_changed_removed_or_made(cast: Any) -> None:
    foreign = cast.borealis_maria
    insert = (
        "INSERT INTO tenants_membership (tenant_id, user_id, role, is_active, created_at)"
        " VALUES (%s, %s, 'admin', true, now())"
    )
    with tenant_transaction(cast.acme.pk):
        assert unfiltered(Contact).filter(pk=foreign.pk).update(name="Mine") == 0
        assert unfiltered(Contact).filter(pk=foreign.pk)._raw_delete(using="default") == 0
        for write, values in (
            (insert, [cast.borealis.pk, cast.alice.user_id]),
            ("UPDATE contacts_contact SET tenant_id = %s", [cast.borealis.pk]),
        ):
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                execute(write, values)
    with tenant_transaction(cast.borealis.pk):
        assert unfiltered(Contact).get().name == "Maria of Borealis"
        execute(insert, [cast.borealis.pk, cast.alice.user_id])  # the same, in its own tenant


def test_a_door_shows_a_person_their_own_memberships_and_lets_nothing_be_written(
    committed_cast: Any,
) -> None:
    cast = committed_cast
    second, _ = add_member(cast.borealis, email=cast.bob.user.email, account_is_theirs=True)
    with CaptureQueriesContext(connection) as queries, door(USER_SETTING, cast.bob.user_id):
        assert set(unfiltered(Membership)) == {cast.bob, second}
        assert unfiltered(Membership).update(role="admin") == 0
        assert unfiltered(Contact).count() == 0
    # Its transaction ends here, and with it the door.
    assert sum("set_config" in query["sql"] for query in queries) == 1
    with tenant_transaction(cast.acme.pk):
        assert not doors.is_member_elsewhere(cast.alice) and doors.is_member_elsewhere(cast.bob)
        # The door is shut behind that look, so the second one is out of sight.
        assert set(unfiltered(Membership)) == {cast.alice, cast.bob}


# --- whom the database lets in --------------------------------------------------------------


def execute(statement: str, values: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@contextmanager
def session_of(user: str) -> Iterator[Any]:
    """A cursor on the test database, signed in as this role."""
    login = connection.settings_dict | {"USER": user}
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    names |= {"PORT": "port"}
    given = {ours: login[theirs] for theirs, ours in names.items() if login[theirs]}
    with psycopg.connect(**given, autocommit=True) as session, session.cursor() as cursor:
        yield cursor


def test_the_applications_own_session_has_no_fault_and_the_owners_has(cast: Any) -> None:
    with session_of(roles.application_role()) as cursor:
        assert roles.faults(cursor) == []
        cursor.execute("SELECT has_table_privilege('django_migrations', 'INSERT')")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT count(*) FROM tenants_membership")
        assert cursor.fetchone() == (0,)
    with session_of(settings.DATABASE_OWNER["USER"]) as cursor:
        assert owned() in roles.faults(cursor)


def owned() -> str:
    tables = ", ".join(model._meta.db_table for model in tenant_models())
    return f"The role owns, or may become the owner of: {tables}."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_check_leaves_the_connection_as_it_was(is_open: bool) -> None:
    connection.ensure_connection()
    if not is_open:
        connection.close()
    assert owned() in look_now_or_on_connect(roles.faults)  # as which the tests may look
    assert (connection.connection is not None) == is_open


def test_sqlite_has_no_roles(monkeypatch: Any) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    assert look_now_or_on_connect(roles.faults) == []


def test_a_table_that_is_not_made_yet_has_no_fault(db: None) -> None:
    tomorrow: Any = SimpleNamespace(_meta=SimpleNamespace(db_table="tomorrow", constraints=[]))
    with connection.cursor() as cursor:
        assert roles._faults_of_table(cursor, tomorrow) == []


ABOVE = "The role is, or may become, one above row-level security: "


@pytest.mark.parametrize(
    "power",
    ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"]
    + [f"IN ROLE {name}" for name in roles.SERVER_ROLES],
)
def test_a_role_that_row_level_security_cannot_hold_is_a_fault(cast: Any, power: str) -> None:
    if not connection.settings_dict["HOST"].startswith("/"):
        pytest.skip("a superuser signs in to the throw-away server of ./test only")
    with session_of("postgres") as cursor:
        # Roles are of the whole server, which other tests may be using.
        above, below = f"rules_{os.getpid()}", f"climbs_{os.getpid()}"
        cursor.execute(f"CREATE ROLE {above} LOGIN {power}")
        also = roles.SERVER_ROLES[1]
        cursor.execute(f"CREATE ROLE {below} LOGIN IN ROLE {above}, {also}")
        named = power.partition("IN ROLE ")[2] or above
        try:
            with session_of(below) as theirs:
                assert roles.faults(theirs) == [f"{ABOVE}{', '.join(sorted({named, also}))}."]
            with session_of(above) as theirs:
                (fault,) = roles.faults(theirs)
                assert fault.startswith(ABOVE) and named in fault
        finally:
            cursor.execute(f"DROP ROLE {above}, {below}")


DOOR = "A policy is not what its model says: tenants_membership."
OF_USER = "POLICY tenants_membership_of_user ON tenants_membership"
OF_SETTING = "(SELECT NULLIF(current_setting('app.user', true), '')::uuid)"
BROKEN = {
    f"ALTER {OF_USER} USING (true)": DOOR,
    f"ALTER {OF_USER} USING (user_id = {OF_SETTING} OR role = 'admin')": DOOR,
    f"DROP {OF_USER}; CREATE {OF_USER} USING (user_id = {OF_SETTING})": DOOR,
    "ALTER POLICY calls_calllog_of_tenant ON calls_calllog USING (true)": (
        "A policy is not what its model says: calls_calllog."
    ),
    "ALTER TABLE tenants_auditentry DISABLE TRIGGER tenants_auditentry_append_only": (
        "Rows may be changed that are written once: tenants_auditentry."
    ),
    "ALTER TABLE contacts_contact DISABLE ROW LEVEL SECURITY": (
        "Row-level security is off: contacts_contact."
    ),
    "DROP POLICY contacts_contact_of_tenant ON contacts_contact": (
        "A policy is missing, or there is one too many (contacts_contact_of_tenant): "
        "contacts_contact."
    ),
    "CREATE POLICY everybody ON calls_calllog USING (true)": (
        "A policy is missing, or there is one too many (everybody): calls_calllog."
    ),
    "ALTER TABLE calls_calllog DROP CONSTRAINT calls_calllog_contact_fence": (
        "A fence is missing (calls_calllog_contact_fence): calls_calllog."
    ),
    "ALTER TABLE calls_calllog DROP CONSTRAINT calls_calllog_contact_fence,"
    " DROP CONSTRAINT calls_calllog_user_fence": (
        "A fence is missing (calls_calllog_contact_fence, calls_calllog_user_fence): calls_calllog."
    ),
    "DROP POLICY calls_calllog_of_tenant ON calls_calllog;"
    " CREATE POLICY everybody ON calls_calllog USING (true)": (
        "A policy is missing, or there is one too many (calls_calllog_of_tenant, everybody):"
        " calls_calllog."
    ),
    "GRANT TRUNCATE ON calls_calllog TO ROLE": "The role may empty (TRUNCATE): calls_calllog.",
    "GRANT CREATE ON SCHEMA public TO ROLE": "The role may create objects in schema public.",
}


@pytest.mark.parametrize("change", BROKEN)
def test_a_guard_that_is_missing_in_the_database_is_a_fault(db: None, change: str) -> None:
    def faults() -> list[str]:
        with connection.cursor() as cursor:
            return roles.faults(cursor)

    assert BROKEN[change] not in faults()
    with everything_visible():
        execute(change.replace("ROLE", roles.application_role()) if "GRANT" in change else change)
    assert BROKEN[change] in faults()


@pytest.mark.parametrize(
    "rule",
    [
        "USING (true) WITH CHECK (true)",
        f"USING (tenant_id = {OF_SETTING.replace('user', 'tenant')}) WITH CHECK (true)",
    ],
)
def test_a_rule_that_all_tables_share_is_a_fault_when_it_is_not_of_the_tenant(
    db: None, rule: str
) -> None:
    tables = sorted(model._meta.db_table for model in tenant_models())
    with everything_visible(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER POLICY {table}_of_tenant ON {table} {rule}")
        fault = f"A policy is not what its model says: {', '.join(tables)}."
        assert fault in roles.faults(cursor)


def test_without_an_owner_nothing_is_granted(db: None, settings: Any) -> None:
    settings.DATABASE_OWNER = {}
    with CaptureQueriesContext(connection) as queries:
        roles.grant()
    assert len(queries) == 0


def test_production_refuses_to_start_as_the_owner_and_starts_as_the_application(
    django_db_setup: None,
) -> None:
    def start(user: str) -> subprocess.CompletedProcess[str]:
        name = connection.settings_dict["NAME"]
        url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        url = url.replace(f"//{roles.application_role()}", f"//{user}", 1)
        command = [sys.executable, "-m", "voip_crm"]
        environment = os.environ | {"DATABASE_URL": url, "DATABASE_OWNER_URL": ""}
        environment["REDIS_URL"] = "redis://127.0.0.1:9/0"  # not asked
        environment["RECORDINGS_SENT_BY"] = "x-accel-redirect"
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    good = start(roles.application_role())
    assert (good.returncode, good.stderr) == (0, "")
    bad = start(settings.DATABASE_OWNER["USER"])
    assert bad.returncode == 1
    assert "voip_crm.E008: The role owns, or may become the owner of: " in bad.stderr


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_away_at_start_is_looked_at_before_its_first_use(
    monkeypatch: Any,
) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert look_now_or_on_connect(roles.faults) == []
        assert look_now_or_on_connect(lambda cursor: ["It is Monday."]) == []
    try:
        for _ in "twice":
            # This process's session could become the owner.
            with pytest.raises(UnsafeDatabase, match="may become the owner.* It is Monday"):
                Tenant.objects.count()
    finally:
        assert connection_created.disconnect(first_connection._look_first)
        first_connection._put_off.clear()
    assert Tenant.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_first_connection_without_fault_is_used_and_the_next_not_looked_at(
    monkeypatch: Any,
) -> None:
    looks: list[Any] = []

    def look(cursor: Any) -> list[str]:
        looks.append(cursor)
        return []

    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert look_now_or_on_connect(look) == []
    for _ in "twice":
        assert Tenant.objects.count() == 0
        connection.close()
    assert len(looks) == 1 and first_connection._put_off == []
    assert not connection_created.disconnect(first_connection._look_first)


def test_the_roles_are_printed_as_sql_or_the_command_says_what_is_missing(
    django_db_setup: None, settings: Any
) -> None:
    owner = settings.DATABASE_OWNER

    def printed() -> str:
        out = StringIO()
        call_command("database_roles", stdout=out)
        return out.getvalue()

    settings.DATABASE_OWNER = owner | {"PASSWORD": "it's"}
    said = printed()
    assert f'CREATE ROLE "{owner["USER"]}" LOGIN' in said
    assert f'CREATE ROLE "{roles.application_role()}" LOGIN' in said
    assert f"ALTER ROLE \"{owner['USER']}\" PASSWORD 'it''s';" in said
    for wrong, refusal in (
        ({}, "DATABASE_OWNER_URL is not set"),
        (owner | {"USER": roles.application_role()}, "name the same role"),
    ):
        settings.DATABASE_OWNER = wrong
        with pytest.raises(CommandError, match=refusal):
            printed()
