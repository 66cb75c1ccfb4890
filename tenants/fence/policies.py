"""Row-level security of PostgreSQL, as constraints of the models: migrations make and drop it.

A policy lets a role that owns nothing (tenants/fence/roles.py) see and write the rows of the tenant
that the transaction is for. It stands behind the managers: it also holds for a filter that was
forgotten. SQLite has nothing of the kind, and these constraints do nothing there.
"""

from typing import Any

from tenants.fence.constraints import TableGuard

TENANT_SETTING = "app.tenant"
USER_SETTING = "app.user"


def _said(setting: str) -> str:
    """The setting's value. A sub-select is computed once; typed, so that indexes are used."""
    return f"(SELECT NULLIF(current_setting('{setting}', true), '')::uuid)"


class _Policy(TableGuard):
    def policies(self, model: Any, schema_editor: Any) -> list[str]:
        """The statements that make it."""
        raise NotImplementedError

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Called within CREATE TABLE, where there is no place for a policy: it is made after."""
        if made := self.create_sql(model, schema_editor):
            schema_editor.deferred_sql.append(made)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor != "postgresql":
            return None
        return "; ".join(self.policies(model, schema_editor))

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor != "postgresql":
            return None
        quote = schema_editor.quote_name
        return f"DROP POLICY {quote(self.name)} ON {quote(model._meta.db_table)}"


class TenantPolicy(_Policy):
    """Only the current tenant's rows can be read or written."""

    default_name = "%(app_label)s_%(class)s_of_tenant"

    def policies(self, model: Any, schema_editor: Any) -> list[str]:
        quote = schema_editor.quote_name
        table, allowed = quote(model._meta.db_table), f"tenant_id = {_said(TENANT_SETTING)}"
        return [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {quote(self.name)} ON {table} USING ({allowed}) WITH CHECK ({allowed})",
        ]


class DoorPolicy(_Policy):
    """Rows that may also be read, not written, before their tenant is known: those whose `field`
    is what `setting` says (`tenants.fence.context.door`).
    """

    def __init__(self, *, name: str, field: str, setting: str, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.field, self.setting = field, setting

    def policies(self, model: Any, schema_editor: Any) -> list[str]:
        quote = schema_editor.quote_name
        column = quote(model._meta.get_field(self.field).column)
        return [
            f"CREATE POLICY {quote(self.name)} ON {quote(model._meta.db_table)} FOR SELECT"
            f" USING ({column} = {_said(self.setting)})"
        ]

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, tuple(args), kwargs | {"field": self.field, "setting": self.setting}
