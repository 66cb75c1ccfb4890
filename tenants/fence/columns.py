"""Columns of a model in a statement that is written out, where Django's own would cost too much."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Model


class Columns:
    """`sql` names them, of the table called `alias`; they are the `names` of the model's fields or
    columns (all of them without any).
    """

    def __init__(self, model: type[Model], alias: str, *names: str) -> None:
        known: dict[Any, Any] = {field.column: field for field in model._meta.concrete_fields}
        known |= {field.name: field for field in model._meta.concrete_fields}
        self.fields = [known[name] for name in names] or list(model._meta.concrete_fields)
        self.model, self.names = model, [field.attname for field in self.fields]
        self.sql = ", ".join(f"{alias}.{field.column}" for field in self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def instance(self, values: Sequence[Any]) -> Any:
        """Of the model, with these values of its fields, as `as_django` makes them."""
        return self.model.from_db(connection.alias, self.names, [values[at] for at in self._order])

    @cached_property
    def _order(self) -> list[int]:
        """Where the model's fields are, in its order, by which `from_db` goes."""
        fields = (field.attname for field in self.model._meta.concrete_fields)
        return [self.names.index(name) for name in fields if name in self.names]

    @cached_property
    def converters(self) -> list[Callable[[Any], Any] | None]:
        """What makes of each value what Django has; None: it is that already."""
        return [_converter(field) for field in self.fields]


def split(row: Sequence[Any], *columns: Columns) -> list[Sequence[Any]]:
    """(what stands before, the values of each of these columns) of a row that ends in them."""
    start = len(row) - sum(map(len, columns))
    parts = [row[:start]]
    for part in columns:
        parts.append(row[start : start + len(part)])
        start += len(part)
    return parts


def as_django(rows: Sequence[Any], *columns: Columns) -> Sequence[Any]:
    """Rows that end in these columns, with the values that Django has: SQLite keeps UUIDs as text,
    and times without their zone; psycopg knows the types.
    """
    converters = [convert for part in columns for convert in part.converters]
    if not any(converters):
        return rows
    start = -len(converters)
    return [(*row[:start], *_converted(row[start:], converters)) for row in rows]


def _converted(values: Sequence[Any], converters: Sequence[Any]) -> list[Any]:
    pairs = zip(values, converters, strict=True)
    return [convert(value) if convert else value for value, convert in pairs]


def _converter(field: Any) -> Callable[[Any], Any] | None:
    column = field.get_col("")
    steps = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert if steps else None
