"""SQL that is written out, for what is asked too often for the ORM to build it anew each time.

On PostgreSQL a webhook is then two messages instead of a dozen: what is asked goes out without
waiting, and the answers come together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from psycopg import Error as DriverError

from tenants.fence.columns import Columns, as_django
from tenants.fence.context import say_tenant, tenant_context, tenant_transaction


@contextmanager
def pipelined(tenant_id: UUID) -> Iterator[None]:
    """A transaction of one tenant for `ask` alone, with as many round trips as answers are waited
    for: what was asked goes out with the first `rows` after it, and what is left with the commit.

    The managers refuse, as outside any transaction, and `on_commit` does not wait. On SQLite, and
    inside another transaction, it is a `tenant_transaction` like any other.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        with tenant_transaction(tenant_id):
            yield
        return
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    driver: Any = connection.connection
    try:
        # Without BEGIN all that is sent before the Sync at the end is one transaction.
        with tenant_context(tenant_id), connection.wrap_database_errors, driver.pipeline():
            try:
                say_tenant(tenant_id)
                yield
            except BaseException:
                with suppress(DriverError):  # a statement has failed: it is rolled back already
                    driver.execute("ROLLBACK")
                raise
    except Error:
        # The server has skipped what came after the failure; psycopg believes that what it meant to
        # prepare there is prepared. A refused commit leaves it in the middle of the pipeline.
        connection.close()
        raise


def ask(sql: str, values: Sequence[Any]) -> Any:
    """Send a statement; `rows` waits for its answer.

    Values go as text, of which the database makes what its columns are: whatever is empty or large
    this time, it is the same prepared statement.
    """
    wrapper = connections[
        DEFAULT_DB_ALIAS
    ]  # found once, as each look by way of `connection` counts
    is_postgresql = wrapper.vendor == "postgresql"
    cursor = wrapper.cursor()
    cursor.execute(sql, [_written(value, is_postgresql) for value in values])
    return cursor


def _written(value: Any, is_postgresql: bool) -> str | None:
    match value:
        case None | str():
            return value
        case UUID():
            return value.hex
        case datetime():
            at = value.astimezone(UTC)
            return str(at if is_postgresql else at.replace(tzinfo=None))
        case bool():
            return "1" if value else "0"
    return str(value)


def rows(cursor: Any, *columns: Columns) -> Sequence[Any]:
    """All rows of an answer that ends in these columns (`as_django`)."""
    return as_django(cursor.fetchall(), *columns)
