"""What an import costs: as many statements for many rows as for few, and no walks at commit."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.imports import storing
from contacts.imports.rows import Row
from contacts.imports.sizes import learn_sizes
from contacts.models import Contact, ContactToken
from tenants.fence.context import tenant_transaction


def rows(count: int, *, of: str) -> Iterator[Row]:
    for serial in range(count):
        number = f"+1415{sum(map(ord, of)):03}{serial:04}"
        yield Row(serial, f"{of} {serial}", "Firm", f"{of}{serial}@x.example", ((number, "work"),))


def stored(cast: Any, count: int, *, of: str) -> None:
    with tenant_transaction(cast.acme.pk):
        storing.store(
            cast.acme, [*rows(count, of=of)], storing.Tally(), same_number_is_same_person=False
        )


def test_a_part_takes_as_many_statements_for_many_rows_as_for_few(cast: Any) -> None:
    costs = []
    for count, of in ((2, "ann"), (120, "bob")):
        with CaptureQueriesContext(connection) as queries:
            stored(cast, count, of=of)
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 12
    with tenant_transaction(cast.acme.pk):
        last = Contact.objects.get(name="bob 119")
        tokens = set(last.tokens.values_list("token", "sort_name", "is_archived"))
        assert {("bob119", "bob 119", False), ("firm", "bob 119", False)} <= tokens
        assert ContactToken.objects.filter(token="firm").count() == 122


def test_the_planner_knows_what_has_come_before_keys_are_checked(cast: Any) -> None:
    """Of a table that it took for empty, PostgreSQL checked each token's contact by a walk over all
    of the workspace: a quarter of a million tokens by twenty thousand contacts.
    """
    if connection.vendor != "postgresql":
        pytest.skip("the planner is PostgreSQL's")
    with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
        stored(cast, 400, of="ann")
        learn_sizes()
        # As the check of a fence asks.
        cursor.execute(
            "EXPLAIN SELECT 1 FROM contacts_contact WHERE tenant_id = %s AND id = %s",
            [cast.acme.pk, uuid.uuid4()],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "contacts_contact_fenced" in plan or "contacts_contact_pkey" in plan, plan
