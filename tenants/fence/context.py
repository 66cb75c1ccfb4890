"""Whose data this is: the current tenant, and the transaction in which it may be touched.

Two steps, so that no transaction is open while the network is used: `tenant_context` says whose
data this is (a request, a task), `tenant_transaction` opens the transaction in which tenant tables
can be read and written.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connection, transaction

from tenants.fence.policies import TENANT_SETTING, USER_SETTING


class TenantNotSet(RuntimeError):
    """A tenant table was used outside a tenant; nothing was read or written."""


class CrossTenantWrite(RuntimeError):
    """A row of one tenant was about to be written while working for another."""


# As `say_tenant` does, with the transaction's BEGIN.
_OPENING = (
    f"SELECT set_config('{TENANT_SETTING}', '{{}}', true), set_config('{USER_SETTING}', '', true)"
)

_tenant: ContextVar[UUID | None] = ContextVar("tenant", default=None)
_transaction: ContextVar[UUID | None] = ContextVar("tenant_transaction", default=None)


def current_tenant_id() -> UUID:
    """The tenant worked for. Raises `TenantNotSet` when there is none."""
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise TenantNotSet("A tenant table was used outside a tenant context.")
    return tenant_id


def tenant_id_for_query() -> UUID:
    """The tenant a statement may touch. Raises `TenantNotSet` outside a tenant transaction.

    The same rule holds on SQLite, so that a query that would find nothing on PostgreSQL
    (row-level security sees no tenant there) fails in the first test already.
    """
    tenant_id = current_tenant_id()
    if _transaction.get() != tenant_id or not connection.in_atomic_block:
        raise TenantNotSet("A tenant table was used outside a tenant transaction.")
    return tenant_id


@contextmanager
def tenant_context(tenant_id: UUID) -> Iterator[None]:
    """Work for `tenant_id`. Entering another tenant from inside one is refused."""
    outer = _tenant.get()
    if outer is not None and outer != tenant_id:
        raise CrossTenantWrite("One tenant's work may not enter another tenant.")
    token = _tenant.set(tenant_id)
    try:
        yield
    finally:
        _tenant.reset(token)


@contextmanager
def tenant_transaction(tenant_id: UUID | None = None) -> Iterator[None]:
    """A transaction in which the tables of `tenant_id` (default: the current tenant) are open."""
    wanted = current_tenant_id() if tenant_id is None else tenant_id
    with tenant_context(wanted), _begun(wanted):
        token = _transaction.set(wanted)
        try:
            yield
        finally:
            _transaction.reset(token)


@contextmanager
def _begun(tenant_id: UUID) -> Iterator[None]:
    """A transaction of which the database knows whom it is for."""
    opening_with = getattr(connection, "opening_with", None)
    if opening_with is None or connection.in_atomic_block:
        with transaction.atomic():
            if _transaction.get() is None:
                say_tenant(tenant_id)
            yield
        return
    with ExitStack() as begun:
        with opening_with(_OPENING.format(UUID.__str__(tenant_id))):  # of nothing but a UUID
            begun.enter_context(transaction.atomic())
        yield


@contextmanager
def tenant_reading(tenant_id: UUID) -> Iterator[None]:
    """As `tenant_transaction`, for what only reads: inside one of this tenant it costs nothing,
    where the other asks the database for a savepoint and lets it go again.
    """
    if is_inside(tenant_id):
        yield
        return
    with tenant_transaction(tenant_id):
        yield


def is_inside(tenant_id: UUID) -> bool:
    """Whether this is a transaction in which the tables of `tenant_id` are open."""
    return _transaction.get() == tenant_id and connection.in_atomic_block


@contextmanager
def door(setting: str, value: UUID) -> Iterator[None]:
    """A transaction that may also read the rows which a `DoorPolicy` opens to this value.

    For `tenants.doors`: it looks up to whom somebody belongs before any tenant is known.
    """
    is_nested = connection.in_atomic_block
    with transaction.atomic():
        _say(**{setting: value})
        yield
        if is_nested:
            shut_again(setting)


def shut_again(setting: str) -> None:
    """Shut a door that would stay open with the transaction around it. (One that is opened by a
    statement outside of any is shut by its end.)
    """
    if connection.in_atomic_block:
        _say(**{setting: ""})


def say_tenant(tenant_id: UUID) -> None:
    _say(**{TENANT_SETTING: tenant_id, USER_SETTING: ""})


def tenant_said(tenant_id: UUID) -> tuple[str, list[str]]:
    """The statement that says it to PostgreSQL, and its values."""
    return _said(**{TENANT_SETTING: tenant_id, USER_SETTING: ""})


def _say(**settings: object) -> None:
    """Tell PostgreSQL's policies (tenants/fence/policies.py) whom this transaction is for.

    Transaction-local, never session-wide: behind a pooler a session setting would hand one
    tenant's rows to the next client of the connection.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(*_said(**settings))


def _said(**settings: object) -> tuple[str, list[str]]:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    return f"SELECT {calls}", [str(text) for setting in settings.items() for text in setting]
