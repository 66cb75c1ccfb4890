"""What the guards of a table have in common that migrations make and drop."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.ddl_references import Statement, Table
from django.db.models.constraints import BaseConstraint


class TableGuard(BaseConstraint):
    """A constraint on a whole table: nothing that a form could say, the database has the last word.

    Two are the same when they deconstruct alike. `default_name` names one that is given no name.
    """

    default_name: str

    def __init__(
        self,
        *,
        name: str = "",
        violation_error_code: str | None = None,
        violation_error_message: Any = None,
    ) -> None:
        super().__init__(
            name=name or self.default_name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Left to the database."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableGuard):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class TableTriggers(TableGuard):
    """Triggers on a table; on PostgreSQL one statement makes them."""

    def templates(self, vendor: str) -> Sequence[str]:
        """The statements that make them, of `%(table)s` and `%(name)s`."""
        raise NotImplementedError

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        # A trigger is no part of a table's definition: it is made once the table stands. The
        # statements follow the table when SQLite remakes it under another name.
        schema_editor.deferred_sql += self._statements(model, schema_editor)
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        (statement,) = self._statements(model, schema_editor)  # SQLite remakes the table instead
        return statement

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return f"DROP TRIGGER {quote(self.name)} ON {quote(model._meta.db_table)}"

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        templates = self.templates(schema_editor.connection.vendor)
        return [Statement(template, table=table, name=self.name) for template in templates]
