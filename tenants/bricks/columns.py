"""Columns of a model in a statement that is written out, where Django's own would cost too much."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


class Columns:
    """`sql` names them, of the table called `alias`; they are the `names` of the model's fields
    (all of them without any), and begin at the place `start` of a row.
    """

    def __init__(self, model: type[Model], alias: str, start: int, *names: str) -> None:
        meta = model._meta
        fields: list[Any] = [meta.get_field(name) for name in names] or list(meta.concrete_fields)
        self.model, self.names = model, [field.attname for field in fields]
        self.sql = ", ".join(f"{alias}.{field.column}" for field in fields)
        self.start, self.end = start, start + len(fields)
        self._converters = [
            (place, convert, value)
            for place, field in enumerate(fields)
            for value, convert in _converters(alias, field)
        ]

    @property
    def converts(self) -> bool:
        """Whether `values` are others than the row's own."""
        return bool(self._converters)

    def values(self, row: Sequence[Any]) -> list[Any]:
        """As Django has them. SQLite keeps some as text and numbers; psycopg knows the types."""
        values = list(row[self.start : self.end])
        for place, convert, value in self._converters:
            values[place] = convert(values[place], value, connection)
        return values


def _converters(alias: str, field: Any) -> list[tuple[Any, Any]]:
    value = field.get_col(alias)
    found = [*connection.ops.get_db_converters(value), *value.get_db_converters(connection)]
    return [(value, convert) for convert in found]
