"""Listings read as much of the database from many calls as from few."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.facts import states
from calls.selectors import call_logs
from calls.selectors.call_logs import Filters
from tenants.fence.context import tenant_transaction
from tenants.tests.database import everything_visible

FEW, MANY = 1_000, 10_000
_CALLS = """
INSERT INTO calls_calllog (id, tenant_id, user_id, direction, from_number, to_number, submission,
    is_recorded, assumed_rate, started_at, status, outcome, ended_at, created_at, updated_at)
SELECT gen_random_uuid(), %s, %s, 'OUTBOUND', '+14155550199', '+14155550100', 'accepted', false, 0,
    at, 'completed', 'completed', at, at, at
FROM (SELECT now() - n * interval '1 minute' AS at FROM generate_series(%s, %s) n) many
"""


@pytest.fixture
def read(committed_cast: Any, monkeypatch: Any) -> Any:
    """`read(filters)`: pages of 8 KB that the statements of a listing touch."""
    cast = committed_cast
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL counts what a statement reads: use ./test")
    monkeypatch.setattr(call_logs, "COUNT_CAP", 100)

    def pages(filters: Filters) -> int:
        with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
            for way in ("seqscan", "hashjoin", "mergejoin"):  # which pay on so few rows
                cursor.execute(f"SET LOCAL enable_{way} = off")
            with CaptureQueriesContext(connection) as queries:
                call_logs.page(filters, size=50)
            found = 0
            for query in queries:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
                (plan,) = cursor.fetchone()
                plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
                found += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return found

    return pages


def fill(cast: Any, first: int, last: int) -> None:
    with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
        cursor.execute(_CALLS, [cast.acme.pk, cast.bob.user_id, first, last])
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE calls_calllog")


def test_a_listing_reads_as_much_of_many_calls_as_of_few(read: Any, committed_cast: Any) -> None:
    every = {
        "all": Filters(),
        "found": Filters(status="completed"),
        **{status: Filters(status=status) for status in states.STATUSES},
    }
    fill(committed_cast, 1, FEW)
    few = {name: read(filters) for name, filters in every.items()}
    fill(committed_cast, FEW + 1, MANY)
    many = {name: read(filters) for name, filters in every.items()}
    # An index may have become one level deeper.
    grown = {name: (few[name], many[name]) for name in every if many[name] > few[name] * 2}
    assert grown == {}
