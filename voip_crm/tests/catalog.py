"""The indexes and keys of our tables, as the database itself tells them."""

import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection

OUR_APPS = ("tenants", "contacts", "calls")


@dataclass(frozen=True)
class Index:
    name: str
    columns: tuple[str, ...]  # an expression is ""
    is_unique: bool
    condition: str  # "" when every row is in it


@dataclass(frozen=True)
class Key:
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{', '.join(self.columns)} → {self.target}"

    def is_of_tenant(self) -> bool:
        """Whether what it leads to is the tenant itself or in the same one."""
        wanted = "id" if self.target == "tenants_tenant" else "tenant_id"
        return ("tenant_id", wanted) in zip(self.columns, self.target_columns, strict=True)


@dataclass
class Table:
    """What the database says; `required` columns are never empty."""

    required: set[str]
    indexes: list[Index] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    def is_found(self, key: Key) -> bool:
        """Whether an index leads to the rows that a key's target looks for when it goes. A column
        that is no tenant's has few rows of a value, so that an index may begin with it alone.
        """
        always = {"", *(f"{column} IS NOT NULL" for column in key.columns)}
        return any(
            set(index.columns[: len(key.columns)]) == set(key.columns)
            or index.columns[0] in set(key.columns) - {"tenant_id"}
            for index in self.indexes
            if index.condition in always
        )


Catalog = dict[str, Table]
TABLES = [
    model._meta.db_table for app in OUR_APPS for model in apps.get_app_config(app).get_models()
]


def postgresql() -> Catalog:
    """Of the database that the tests use."""

    def columns(relation: str, numbers: str) -> str:
        return (
            "ARRAY(SELECT coalesce(attname, '')::text"
            f" FROM unnest({numbers}) WITH ORDINALITY AS numbers (n, i)"
            f" LEFT JOIN pg_attribute ON attrelid = {relation} AND attnum = n ORDER BY i)"
        )

    def rows(sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, [TABLES])
            return list(cursor.fetchall())

    required = rows(
        "SELECT attrelid::regclass::text, attname::text FROM pg_attribute"
        " WHERE attnotnull AND attrelid::regclass::text = ANY(%s)"
    )
    found = {table: Table({column for at, column in required if at == table}) for table in TABLES}
    for table, name, is_unique, condition, covered in rows(
        "SELECT indrelid::regclass::text, indexrelid::regclass::text, indisunique,"
        f" coalesce(pg_get_expr(indpred, indrelid), ''), {columns('indrelid', 'indkey')}"
        " FROM pg_index WHERE NOT indisprimary AND indrelid::regclass::text = ANY(%s)"
    ):
        found[table].indexes.append(
            Index(_without_hash(name), tuple(covered), is_unique, condition.strip("()"))
        )
    for table, target, leading, led_to in rows(
        "SELECT conrelid::regclass::text, confrelid::regclass::text,"
        f" {columns('conrelid', 'conkey')}, {columns('confrelid', 'confkey')}"
        " FROM pg_constraint"
        " WHERE contype = 'f' AND convalidated AND conrelid::regclass::text = ANY(%s)"
    ):
        found[table].keys.append(Key(tuple(leading), target, tuple(led_to)))
    return found


def sqlite(file: Path) -> Catalog:
    """Of this file."""
    database = sqlite3.connect(file)

    def rows(sql: str, *values: str) -> list[Any]:
        return database.execute(sql, values).fetchall()

    made = dict(rows("SELECT name, coalesce(sql, '') FROM sqlite_master"))
    found = {}
    for table in TABLES:
        required = "SELECT name FROM pragma_table_info(?) WHERE [notnull]"
        found[table] = Table({name for (name,) in rows(required, table)})
        named = {
            tuple(re.findall(r"\w+", columns)): name
            for name, columns in re.findall(r'CONSTRAINT "(\w+)" UNIQUE \((.*?)\)', made[table])
        }
        for index, is_unique in rows(
            "SELECT name, [unique] FROM pragma_index_list(?) WHERE origin <> 'pk'", table
        ):
            covered = rows("SELECT coalesce(name, '') FROM pragma_index_info(?)", index)
            columns = tuple(name for (name,) in covered)
            name = index if made[index] else named.get(columns, f"{table}_{columns[0]}_key")
            condition = made[index].partition(" WHERE ")[2].replace('"', "").strip("()")
            found[table].indexes.append(
                Index(_without_hash(name), columns, bool(is_unique), condition)
            )
        keys: dict[int, list[Any]] = {}
        for key, *edge in rows(
            "SELECT id, [table], [from], [to] FROM pragma_foreign_key_list(?) ORDER BY id, seq",
            table,
        ):
            keys.setdefault(key, []).append(edge)
        for edges in keys.values():
            targets, leading, led_to = zip(*edges, strict=True)
            found[table].keys.append(Key(leading, targets[0], led_to))
    database.close()
    return found


def _without_hash(name: str) -> str:
    return re.sub(r"_[0-9a-f]{8}$", "", name)
