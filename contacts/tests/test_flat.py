"""A search reads as much in a book with a quarter of a million tokens as in one with a fifth of
them: counted in the database's pages, which have no noise.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import finding, selectors, walks
from contacts.models import Contact, ContactNumber, ContactToken
from tenants.fence.context import tenant_transaction
from tenants.fence.policies import TenantPolicy

# Of ten contacts one is a Mary, who comes late by name, and of a hundred one is Mary Smith. No Ida
# has a number.
PEOPLE = """
    SELECT gen_random_uuid() id, n, given, family, given || ' ' || family AS name, digits
    FROM generate_series(0, {size} - 1) n, LATERAL (SELECT
        (ARRAY['mary', 'ann', 'bob', 'carl', 'dora', 'eve', 'fay', 'gus', 'hal', 'ida'])[1 + n % 10]
            AS given,
        CASE n / 10 % 10 WHEN 0 THEN 'smith' ELSE 'family' || n / 100 END AS family,
        (4155000000 + n)::text AS digits
    ) said"""
INDEXES = {
    Contact: ["contacts_contact_pkey", "contacts_contact_fenced", "contact_by_name"],
    ContactNumber: ["contact_number_once"],
    ContactToken: ["contact_found", "contact_token_once"],
}
FILL = {
    Contact: "(id, tenant_id, name, company, email, sort_name, folded_email, created_at,"
    " updated_at) SELECT id, '{tenant}', name, '', '', name, '', now(), now() FROM people",
    ContactNumber: "(id, tenant_id, contact_id, number, extension, label, position)"
    " SELECT n, '{tenant}', id, '+' || digits, '', '', 0 FROM people WHERE given <> 'ida'",
    ContactToken: "(id, tenant_id, contact_id, token, sort_name, is_archived)"
    " SELECT 0, '{tenant}', id, unnest(ARRAY[given, family, 'firm' || n / 50, 'example', digits,"
    " substr(digits, 2), substr(digits, 3), substr(digits, 4), substr(digits, 5),"
    " substr(digits, 6)]), name, false FROM people",
}
SMALL, LARGE = 5_000, 25_000  # contacts, with ten tokens each
SEARCHES: list[Callable[[], Any]] = [
    lambda: selectors.suggest("mary"),
    lambda: selectors.suggest("m"),
    lambda: selectors.suggest("family9"),
    lambda: selectors.suggest("155"),
    lambda: selectors.suggest("nobody"),
    lambda: selectors.suggest("mary smith"),
    lambda: selectors.suggest("smith ma"),
    lambda: selectors.contact_page("mary"),
    lambda: selectors.contact_page("4155000045 eve"),
    lambda: finding.contact_ids("mary", most=200),
]


@pytest.fixture
def made(cast: Any) -> Iterator[Callable[[int], None]]:
    """`made(size)` puts tables of this session in the place of the contacts', which have the same
    columns, indexes and policies, and no keys, whose checks would take longer than all the rest.
    """
    if connection.vendor != "postgresql":
        pytest.skip("the pages are PostgreSQL's")

    def make(size: int) -> None:
        tables = ["people", *(model._meta.db_table for model in INDEXES)]
        with connection.cursor() as cursor, connection.schema_editor(atomic=False) as editor:
            run = cursor.execute
            run("SET LOCAL maintenance_work_mem = '256MB'")
            run("DROP TABLE IF EXISTS " + ", ".join(f"pg_temp.{table}" for table in tables))
            run(f"CREATE TEMP TABLE people AS {PEOPLE.format(size=size)}")
            for model, names in INDEXES.items():
                table = model._meta.db_table
                run(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS)")
                run(f"INSERT INTO {table} " + FILL[model].format(tenant=cast.acme.pk))
                for name in names:
                    run("SELECT pg_get_indexdef(%s::regclass)", [f"public.{name}"])
                    ((index,),) = cursor.fetchall()
                    run(index.replace(" ON public.", " ON pg_temp."))
                for statement in TenantPolicy(name="of_tenant").policies(model, editor):
                    run(statement)
                run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")

    with tenant_transaction(cast.acme.pk):
        yield make


def pages_read(search: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        search()
    read = 0
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
            ((plan,),) = cursor.fetchall()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            top = plan[0]["Plan"]
            read += top["Local Hit Blocks"] + top["Local Read Blocks"]
    return read


def test_a_search_reads_as_much_in_a_large_book_as_in_a_small_one(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the planner knows: nothing yet of a book that was filled just now, or all."""
    made(SMALL)
    small = [pages_read(search) for search in SEARCHES]
    made(LARGE)
    new = [pages_read(search) for search in SEARCHES]
    with connection.cursor() as cursor:
        for model in INDEXES:
            cursor.execute(f"ANALYZE pg_temp.{model._meta.db_table}")
    known = [pages_read(search) for search in SEARCHES]
    # Indexes have grown by a level or two.
    for place, counted in enumerate(zip(small, new, known, strict=True)):
        assert max(counted) <= 1.5 * counted[0] + 10, (place, counted)
    # Two words of ten thousand each, whose bearers come last: more than a window is not looked at.
    assert pages_read(lambda: selectors.suggest("example smith eve")) < 5 * walks.WINDOW
    # Nor of a word whose bearers have no number to be called by.
    monkeypatch.setattr(walks, "WINDOW", 200)
    for typed in ["ida", "ida fam"]:
        assert selectors.suggest(typed) == []
        assert pages_read(lambda typed=typed: selectors.suggest(typed)) < 30 * walks.WINDOW
