"""A table whose rows are written once: the database refuses to change or delete one.

Whoever owns the database can still take the trigger away; the application's role cannot.
"""

from typing import Any

from django.db.backends.ddl_references import Statement, Table

from tenants.fence.constraints import TableGuard

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only',
    ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER %(name)s BEFORE UPDATE OR DELETE ON %(table)s
    FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
_SQLITE = """
CREATE TRIGGER %(name)s_{verb} BEFORE {verb} ON %(table)s
BEGIN SELECT RAISE(ABORT, 'the table is append-only'); END
"""


class AppendOnly(TableGuard):
    """No UPDATE and no DELETE on the rows of the table."""

    default_name = "%(app_label)s_%(class)s_append_only"

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
        templates = (
            [_POSTGRESQL]
            if schema_editor.connection.vendor == "postgresql"
            else [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")]
        )
        table = Table(model._meta.db_table, schema_editor.quote_name)
        return [Statement(template, table=table, name=self.name) for template in templates]
