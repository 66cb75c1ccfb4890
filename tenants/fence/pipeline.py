"""SQL that is written out, for what is asked too often for the ORM to build it anew each time.

On PostgreSQL a webhook is then two messages instead of a dozen: what is asked goes out without
waiting, and the answers come together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from psycopg import Error as DriverError

from tenants.fence.columns import Columns, as_django
from tenants.fence.context import is_inside, tenant_context, tenant_said, tenant_transaction
from tenants.fence.exchange import Exchange

_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def pipelined(tenant_id: UUID) -> Iterator[None]:
    """A transaction of one tenant for `ask` alone, with as many round trips as answers are waited
    for: what was asked goes out with the first `rows` after it, and what is left with the commit.

    The managers refuse, as outside any transaction, and `on_commit` does not wait. On SQLite, and
    inside another transaction, it is a `tenant_transaction` like any other.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor != "postgresql" or wrapper.in_atomic_block:
        with tenant_transaction(tenant_id):
            yield
        return
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    try:
        with tenant_context(tenant_id), wrapper.wrap_database_errors:
            exchange = Exchange(wrapper.connection)
            token = _exchange.set(exchange)
            try:
                ask(*tenant_said(tenant_id))
                yield
            except (Error, DriverError):
                raise
            except BaseException:
                exchange.roll_back()
                exchange.end()
                raise
            else:
                exchange.end()
            finally:
                _exchange.reset(token)
    except Error:
        wrapper.close()  # it is in the middle of an exchange
        raise


@contextmanager
def reading(tenant_id: UUID) -> Iterator[None]:
    """The same for what only reads: inside a transaction of this tenant it costs nothing."""
    if is_inside(tenant_id):
        yield
        return
    with pipelined(tenant_id):
        yield


def ask(sql: str, values: Sequence[Any]) -> Any:
    """Send a statement; `rows` waits for its answer.

    Values go as text, of which the database makes what its columns are: whatever is empty or large
    this time, it is the same prepared statement.
    """
    # Found once, as each look by way of `connection` counts.
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    is_postgresql = wrapper.vendor == "postgresql"
    written = [_written(value, is_postgresql) for value in values]
    exchange = _exchange.get()
    if exchange is None:
        cursor = wrapper.cursor()
        cursor.execute(sql, written)
        return cursor
    if not wrapper.execute_wrappers:
        return exchange.ask(sql, written)
    return _watched(wrapper, exchange, sql, written)


def _watched(wrapper: Any, exchange: Exchange, sql: str, written: Sequence[str | None]) -> Any:
    """By way of Django's `execute_wrappers`, as its own cursors go."""

    def send(sql: str, params: Sequence[str | None], many: bool, context: object) -> Any:
        return exchange.ask(sql, params)

    context = {"connection": wrapper, "cursor": None}
    for watch in reversed(wrapper.execute_wrappers):
        send = partial(watch, send)
    return send(sql, written, False, context)


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


Write = tuple[str, Sequence[Any]]


def tell(*writes: Write) -> None:
    """Send writes of which none needs to see what another does; on PostgreSQL one statement."""
    if connection.vendor != "postgresql":
        for write in writes:
            ask(*write)
        return
    *others, last = (sql for sql, _ in writes)
    parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(others))
    ask(f"WITH {parts} {last}" if parts else last, [value for _, own in writes for value in own])


def inserted(row: Model) -> Write:
    """How a new row, whose key is known, is written, with all that its fields say of it."""
    fields, sql = _insert(type(row))
    row._state.adding, row._state.db = False, connection.alias
    return sql, [f.get_db_prep_save(_of(row, f), connection) for f in fields]


def _of(row: Model, field: Any) -> Any:
    """What a new row says in a field; where nobody has said anything, the database's default."""
    value = field.pre_save(row, True)
    return field.db_default if isinstance(value, DatabaseDefault) else value


@cache
def _insert(model: type[Model]) -> tuple[Sequence[Any], str]:
    fields: Any = model._meta.concrete_fields
    names, values = ", ".join(f.column for f in fields), ", ".join(["%s"] * len(fields))
    return fields, f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({values})"  # noqa: S608 # nosec B608 # our names
