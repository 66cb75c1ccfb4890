"""Rows that most tests ask for: made once by the product, then written again at once.

A test that begins with two workspaces would spend more time on them than on what it is about. The
ids are new each time, so that nothing that is kept by an id (the counter of a throttle, a message)
reaches the next test, and the times are as if the rows were made now.
"""

import copy
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils import timezone

from tenants.tests.database import everything_visible, rows

Row = dict[str, Any]


class Replay:
    """`replay()` gives what `make()` gives, a dataclass of models, and writes the same rows."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        self._tables: list[tuple[type[Model], list[Row]]] = []
        self._at = timezone.now()

    def __call__(self) -> Any:
        if self._made is None:
            before = {model: {row[_key(model)] for row in rows(model)} for model in _models()}
            made = self._make()
            self._at = timezone.now()  # afterwards: no row is ever of a time to come
            for model in _models():
                found = [row for row in rows(model) if row[_key(model)] not in before[model]]
                if found:
                    self._tables.append((model, found))
            self._made = copy.deepcopy(made)
            return made
        return _Once(self._tables, timezone.now() - self._at).of(self._made)


class _Once:
    def __init__(self, tables: list[tuple[type[Model], list[Row]]], later: Any) -> None:
        self._later = later
        # By the old UUID, and, of a key that is counted, by the model's name and the old key.
        self._ids: dict[Any, Any] = {
            row[_key(model)]: uuid.uuid4()
            for model, found in tables
            for row in found
            if isinstance(row[_key(model)], uuid.UUID)
        }
        self._copies: dict[int, Model] = {}
        with transaction.atomic(), everything_visible():
            for model, found in tables:
                self._write(model, found)

    def of(self, made: Any) -> Any:
        """The dataclass, its models as they are in the database now."""
        return type(made)(**{name: self._copy(one) for name, one in vars(made).items()})

    def _write(self, model: type[Model], found: list[Row]) -> None:
        pk = model._meta.pk
        is_counted = not isinstance(found[0][pk.attname], uuid.UUID)
        fields = [f for f in model._meta.concrete_fields if not (f is pk and is_counted)]
        values: list[Any] = []
        for row in found:
            now = {f.attname: self._value(f, row[f.attname]) for f in fields}
            if "object_type" in now:  # of an entry in the trail
                now["object_id"] = str(self._id(row["object_type"], row["object_id"]))
            values += [f.get_db_prep_save(now[f.attname], connection) for f in fields]
        table, key, *columns = (
            connection.ops.quote_name(str(name))
            for name in (model._meta.db_table, pk.column, *[f.column for f in fields])
        )
        one = f"({', '.join(['%s'] * len(fields))})"
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)})"
                f" VALUES {', '.join([one] * len(found))} RETURNING {key}",
                values,
            )
            if is_counted:
                for row, (new,) in zip(found, cursor.fetchall(), strict=True):
                    self._ids[_name(model), str(row[pk.attname])] = new

    def _value(self, f: "Field[Any, Any]", value: Any) -> Any:
        if isinstance(value, datetime):
            return value + self._later
        if isinstance(value, uuid.UUID):
            return self._ids.get(value, value)
        target = f.model if f.primary_key else f.related_model
        if target and value is not None:
            return self._id(_name(target), value)
        return value

    def _id(self, name: str, key: Any) -> Any:
        return self._ids.get((name, str(key)), self._ids.get(_uuid(key), key))

    def _copy(self, one: Model) -> Model:
        if id(one) not in self._copies:
            self._copies[id(one)] = made = copy.copy(one)
            made._state = copy.copy(one._state)
            for f in one._meta.concrete_fields:
                made.__dict__[f.attname] = self._value(f, one.__dict__[f.attname])
            cached = one._state.fields_cache
            made._state.fields_cache = {name: self._copy(other) for name, other in cached.items()}
        return self._copies[id(one)]


def _models() -> list[type[Model]]:
    return list(apps.get_models())


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.attname)


def _name(model: type[Model]) -> str:
    return str(model._meta.model_name)


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None
