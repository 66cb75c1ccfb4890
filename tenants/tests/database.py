"""The test database: made by its owner, used as the application's role, which owns nothing.

The tests' own process signs in as the owner and takes the application's role (`SET ROLE`), so that
a proof can look at every row of the transaction it is in; the product's processes sign in as the
application itself. On SQLite there are no roles, and nothing here does anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Model, QuerySet

from tenants.fence import roles

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
    """The application may not empty tables, as Django does between two tests."""
    operations: Any = type(connection.ops)
    flush = operations.execute_sql_flush

    def as_owner(self: Any, statements: Any) -> None:
        # Processes that live on remember these by id, and they are always the same.
        for table in ('"django_content_type"', '"auth_permission"'):
            statements = [s.replace(f"{table}, ", "").replace(f", {table}", "") for s in statements]
        with everything_visible():
            flush(self, statements)

    operations.execute_sql_flush = as_owner
    yield
    operations.execute_sql_flush = flush


def _set_role(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
