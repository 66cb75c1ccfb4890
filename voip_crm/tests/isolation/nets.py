"""Which net holds: both, row-level security alone, or the ORM's filter alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models.lookups import Exact

from tenants.fence import roles, scoping
from tenants.fence.context import current_tenant_id
from tenants.fence.scoping import CurrentTenant
from voip_crm.tests import statements

BOTH, RLS, ORM = "both", "rls", "orm"
# The same condition in SQL that is written out (tenants/fence/pipeline.py): the ORM quotes names.
WRITTEN_OUT = re.compile(r"\b(?:\w+\.)?tenant_id = %s")
NETS = (BOTH, RLS, ORM)


@contextmanager
def holding(net: str) -> Iterator[None]:
    """The other net is cut meanwhile."""
    if net != BOTH and not roles.application_role():
        pytest.skip("only PostgreSQL has row-level security: use ./test")
    if net == RLS:
        with without_filter():
            yield
    elif net == ORM:
        with without_policies():
            yield
    else:
        yield


@contextmanager
def without_filter() -> Iterator[None]:
    """The managers filter nothing, of querysets made long ago neither, and rows are not claimed."""
    patch = pytest.MonkeyPatch()
    compare = Exact.as_sql

    def as_sql(self: Any, compiler: Any, using: Any) -> Any:
        if isinstance(self.rhs, CurrentTenant):
            return "(1 = 1)", ()
        return compare(self, compiler, using)

    def claim(instance: Any) -> None:
        if instance.tenant_id is None:
            instance.tenant_id = current_tenant_id()

    def cut(execute: Any, sql: str, *rest: Any) -> Any:
        return execute(WRITTEN_OUT.sub("CAST(%s AS text) IS NOT NULL", sql), *rest)

    patch.setattr(Exact, "as_sql", as_sql)
    patch.setattr(scoping, "_claim", claim)
    # The statement guard would say of each query what is meant to be so here.
    patch.setattr(statements, "fault", lambda *_: None)
    try:
        with connection.execute_wrapper(cut):
            yield
    finally:
        patch.undo()


@contextmanager
def without_policies() -> Iterator[None]:
    """The connection acts as the tables' owner, for whom there are no policies."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {connection.ops.quote_name(roles.application_role())}")
