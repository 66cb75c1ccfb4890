"""A table whose rows are written once: the database refuses to change or delete one.

Whoever owns the database can still take the trigger away; the application's role cannot.
"""

from collections.abc import Sequence

from tenants.fence.constraints import TableTriggers

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


class AppendOnly(TableTriggers):
    """No UPDATE and no DELETE on the rows of the table."""

    default_name = "%(app_label)s_%(class)s_append_only"

    def templates(self, vendor: str) -> Sequence[str]:
        if vendor == "postgresql":
            return [_POSTGRESQL]
        return [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")]
