"""Contacts by the million, as the product makes a few of them: names often, numbers once."""

from typing import Any

from benchmarks import rows
from benchmarks.rows import multiply, sql_id
from benchmarks.world import World

_NAMES = ["Mary", "James", "Zoe", "Liam", "Olga", "Noah", "Emma", "Ada", "Ines", "Mike"]
_FAMILIES = ["Smith", "O'Neill", "Miller", "García", "Okafor", "Tanaka", "Novak", "Lee", "Berg"]
_FIRMS = [
    "Sunrise Foods",
    "Borealis",
    "Northwind",
    "Contoso",
    "Blue Harbour",
    "Initech",
    "Vandelay",
]


def fill(world: World, tenant: Any, *, first: int, count: int) -> None:
    """As `contacts.services` makes them: with numbers, and tokens that they are found by."""
    patterns = min(count, 270)
    _make_patterns(tenant, patterns)
    tables = [f"contacts_contact{kind}" for kind in ("", "number", "token")]
    digits = "'1415'||lpad((i % 10000000)::text, 7, '0')"
    mine = f"tenant_id = '{tenant.pk}'"
    ranks = (
        "SELECT id AS pattern, row_number() OVER (ORDER BY created_at, id) - 1 AS k"
        f" FROM contacts_contact WHERE {mine} AND id = ANY(ARRAY(SELECT id FROM pattern))"
    )
    world.sql.execute(f"CREATE TEMP TABLE pattern AS SELECT id FROM contacts_contact WHERE {mine}")
    more = {"first": first, "count": count, "each": patterns}
    with rows.without_indexes(world, *tables):
        own = {"id": sql_id("contact"), "tenant_id": f"'{tenant.pk}'::uuid"}
        whole = f"SELECT c.*, r.k FROM contacts_contact c JOIN ({ranks}) r ON r.pattern = c.id"
        multiply(world, tables[0], whole, changes=own, **more)
        changes = {"contact_id": sql_id("contact"), "tenant_id": own["tenant_id"]}
        for table, given in (
            (tables[1], {"number": f"'+'||{digits}"}),
            (
                tables[2],  # endings of the number: other digits, just as many
                {
                    "token": "CASE WHEN p.token ~ '^[0-9]+$'"
                    f" THEN right({digits}, length(p.token)) ELSE p.token END"
                },
            ),
        ):
            whole = f"SELECT c.*, r.k FROM {table} c JOIN ({ranks}) r ON r.pattern = c.contact_id"
            multiply(world, table, whole, changes=changes | given, **more)
        world.sql.execute(f"DELETE FROM {tables[2]} WHERE contact_id IN (SELECT id FROM pattern)")
        world.sql.execute(f"DELETE FROM {tables[1]} WHERE contact_id IN (SELECT id FROM pattern)")
        world.sql.execute(f"DELETE FROM {tables[0]} WHERE id IN (SELECT id FROM pattern)")
        world.sql.execute("DROP TABLE pattern")


def _make_patterns(tenant: Any, count: int) -> None:
    from contacts.services import create_contact
    from tenants.fence.context import tenant_transaction

    with tenant_transaction(tenant.pk):
        for n in range(count):
            name = f"{_NAMES[n % 10]} {_FAMILIES[n // 10 % 9]}"
            create_contact(
                tenant,
                name=name,
                company=_FIRMS[n // 13 % 7],
                email=f"{_NAMES[n % 10]}@{_FIRMS[n // 13 % 7].split()[0]}.example" if n % 3 else "",
                numbers=[(f"+1415{5550000 + n:07}", "work")],
            )
