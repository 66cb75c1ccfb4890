"""Many rows, true to the model: the product makes a few, and SQL makes the rest like them.

Ids are made of a word and a number (`made_id`), so that rows that belong together find each other
without a join. Foreign keys and plain indexes are taken off for the while and made again, which
checks each row: with its fences, and with what the indexes say.
"""

import contextlib
from collections.abc import Iterator, Mapping
from hashlib import md5
from uuid import UUID

from benchmarks.world import World

STEP = 500_000  # rows a statement


def made_id(what: str, number: int) -> UUID:
    """As `sql_id` makes it."""
    return UUID(md5(f"{what}{number}".encode(), usedforsecurity=False).hexdigest())


def sql_id(what: str, number: str = "i") -> str:
    return f"md5('{what}'||({number}))::uuid"


@contextlib.contextmanager
def without_indexes(world: World, *tables: str) -> Iterator[None]:
    """Inside, these tables have only their primary keys, and what others refer to."""
    keys = world.rows(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE conrelid = ANY(%s::regclass[])"
        " AND (contype = 'f' OR contype = 'u' AND conindid NOT IN"
        " (SELECT conindid FROM pg_constraint WHERE contype = 'f'))"
        " ORDER BY contype = 'f'",
        list(tables),
    )
    indexes = world.rows(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY(%s::regclass[]) AND NOT indisunique",
        list(tables),
    )
    for table, name, _ in keys:
        world.sql.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        world.sql.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        world.sql.execute(definition)
    for table, name, definition in keys:
        world.sql.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for table in tables:
        world.sql.execute(f"VACUUM (ANALYZE) {table}")


def columns(world: World, table: str) -> list[str]:
    found = world.rows(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    return [name for (name,) in found]


def multiply(
    world: World,
    table: str,
    patterns: str,
    *,
    first: int,
    count: int,
    each: int,
    changes: Mapping[str, str],
) -> None:
    """Copy the rows that `patterns` selects, which must have a column `k`, for each i in
    `first … first + count - 1` whose remainder by `each` is k. What differs is in `changes`: SQL
    with `i` and the row `p`; a serial `id` is the database's.
    """
    names = [name for name in columns(world, table) if name != "id" or "id" in changes]
    values = [changes.get(name, f"p.{name}") for name in names]
    for start in range(first, first + count, STEP):
        end = min(start + STEP, first + count) - 1
        world.sql.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)}"
            f" FROM generate_series({start}, {end}) AS i JOIN ({patterns}) AS p ON p.k = i % {each}"
        )
