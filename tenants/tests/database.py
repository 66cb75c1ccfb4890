"""The test database: made by its owner, used as the application's role, which owns nothing.

The tests' own process signs in as the owner and takes the application's role (`SET ROLE`), so that
a proof can look at every row of the transaction it is in; the product's processes sign in as the
application itself. On SQLite there are no roles, and nothing here does anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management.commands import flush
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from tenants.fence import roles

KEPT = ('"django_content_type"', '"auth_permission"')
GROWN = 64  # pages
PATIENT = "-c statement_timeout=0 -c lock_timeout=60000"


def be_patient() -> None:
    """The limits that protect production (test_settings.py has them) are none of a test's own
    process: on a busy machine a clean-up that checks every foreign key takes many seconds.
    """
    used = settings.DATABASES["default"]
    if "options" in used.get("OPTIONS", {}):
        used["OPTIONS"] = used["OPTIONS"] | {"options": PATIENT}


@contextmanager
def giving_up_on_locks() -> Iterator[None]:
    """Inside, waiting for a lock fails, sooner than in production, so that a test sees it fail."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '500ms'")
        try:
            yield
        finally:
            cursor.execute("RESET lock_timeout")


def as_the_product() -> psycopg.Connection[Any]:
    """A connection as the product's processes open theirs, with their options and their role."""
    given = settings.DATABASE_APPLICATION
    options = {"user": given["USER"], "options": given["OPTIONS"]["options"]}
    places = {ours: given[key] for key, ours in (("HOST", "host"), ("PORT", "port")) if given[key]}
    return psycopg.connect(dbname="postgres", **options, **places)


def sign_in_as_owner() -> None:
    if settings.DATABASE_OWNER:
        connection.close()
        used = settings.DATABASES["default"]  # of every connection, threads' and Playwright's too
        used |= {key: settings.DATABASE_OWNER[key] for key in roles.LOGIN}
        used["OPTIONS"].pop("assume_role", None)


def copy_the_migrated_one() -> None:
    """Of the suite's lanes each gets a copy of one database that was migrated (`suite.py`)."""
    if template := os.environ.get("TEST_TEMPLATE"):
        settings.DATABASES["default"]["TEST"] |= {"TEMPLATE": template, "MIGRATE": False}


def act_as_application() -> None:
    if settings.DATABASE_OWNER:
        connection.close()
        settings.DATABASES["default"]["OPTIONS"]["assume_role"] = roles.application_role()


def let_sqlite_empty_tables() -> None:
    """Between tests it empties them by DELETE, which an append-only table refuses."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER tenants_auditentry_append_only_DELETE")


@contextmanager
def everything_visible() -> Iterator[None]:
    """Inside, row-level security hides nothing, whatever transaction is open."""
    if not settings.DATABASE_OWNER:
        yield
        return
    _set_role("NONE")
    yield
    _set_role(connection.ops.quote_name(roles.application_role()))


def rows(model: type[Model]) -> list[dict[str, Any]]:
    """Every row of the table, whosever it is, in the order of its key."""
    with everything_visible():
        return list(QuerySet(model).order_by("pk").values())


@contextmanager
def flush_as_owner() -> Iterator[None]:
    """The application may not empty tables, as Django does between two tests. Those of content
    types and permissions stay: processes that live on remember them by id, and they are always the
    same, so that nobody needs to be told to make them again.
    """
    operations: Any = type(connection.ops)
    flush_all = operations.execute_sql_flush

    def as_owner(self: Any, statements: list[str]) -> None:
        with everything_visible():
            if not (connection.vendor == "postgresql" and _emptied()):
                flush_all(self, list(filter(None, map(_but_kept, statements))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", as_owner)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield


def _but_kept(statement: str) -> str:
    """Of PostgreSQL's one TRUNCATE the other tables; of SQLite's DELETEs those of others."""
    for table in KEPT:
        statement = statement.replace(f"{table}, ", "").replace(f", {table}", "")
        statement = "" if statement == f"DELETE FROM {table};" else statement
    return statement


def _emptied() -> bool:
    """Deletes the few rows that most tests leave. TRUNCATE makes each of our tables and indexes
    anew, ten times as slowly; that is done (False) once a table has grown, or the planner has
    learned of it, so that no test plans by what another one has left.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_looked_at())
        found = cursor.fetchall()
        if any(is_grown for _, _, is_grown, _ in found):
            return False
        filled = {table: has_triggers for table, has_rows, _, has_triggers in found if has_rows}
        # A trail refuses to be deleted, and sums would be made of what goes.
        bare = [f"ALTER TABLE {table} %s TRIGGER USER" for table, has in filled.items() if has]
        for statement in (
            *(each % "DISABLE" for each in bare),
            *(f"DELETE FROM {table}" for table in filled),
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(each % "ENABLE" for each in bare),
        ):
            cursor.execute(statement)
    return True


@cache
def _looked_at() -> str:
    """Each table: whether it has rows, has grown, and has triggers of ours."""
    names = map(connection.ops.quote_name, connection.introspection.django_table_names(True))
    return " UNION ALL ".join(
        f"SELECT '{name}', EXISTS (SELECT FROM {name}), relpages > 0"
        f" OR pg_relation_size(oid) > {GROWN} * current_setting('block_size')::int,"
        " EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal)"
        f" FROM pg_class WHERE oid = '{name}'::regclass"
        for name in names
        if name not in KEPT
    )


def _set_role(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
