"""Tenant tables: their rows are found only inside their tenant, and edges are fenced.

`TenantOwned` is the base of every table that belongs to a tenant. Its managers add
`tenant_id = <current tenant>` *while the SQL is compiled*, so querysets built at import time are
legal and no method can be forgotten. `TenantFence` makes each foreign key between two tenant
tables composite in the database, `(tenant_id, x_id) -> (tenant_id, id)`.
"""

from typing import Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models.expressions import Expression

from tenants.fence.constraints import TableGuard
from tenants.fence.context import CrossTenantWrite, current_tenant_id, tenant_id_for_query
from tenants.fence.policies import TenantPolicy


class CurrentTenant(Expression):
    """The current tenant's id as an SQL value, read when the statement is compiled."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        value = self.output_field.get_db_prep_value(tenant_id_for_query(), connection)
        return "%s", (value,)


def _claim(instance: "TenantOwned") -> None:
    """Give a new row its tenant, and refuse a row of another."""
    tenant_id = tenant_id_for_query()
    if instance.tenant_id is None:
        instance.tenant_id = tenant_id
    elif instance.tenant_id != tenant_id:
        raise CrossTenantWrite(f"{type(instance).__name__} belongs to another tenant.")


class TenantQuerySet(models.QuerySet[Any]):
    def update(self, **values: Any) -> int:
        if "tenant" in values or "tenant_id" in values:
            raise CrossTenantWrite("A row never changes its tenant.")
        return super().update(**values)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        raise CrossTenantWrite("raw() would bypass the tenant filter.")

    def _insert(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        # Both save() and bulk_create() end here.
        for instance in objs:
            _claim(instance)
        return super()._insert(objs, *args, **kwargs)  # type: ignore[misc]  # private in Django


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """The default manager of a tenant table: sees the current tenant's rows only."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(tenant_id=CurrentTenant())


class TenantOwned(models.Model):
    """A row of one tenant. `unscoped` is for `tenants.doors` and its listed callers only."""

    # Without an index of its own: one that begins with the tenant is in every table.
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, editable=False, db_index=False
    )
    tenant_id: UUID

    objects = TenantManager()
    unscoped = models.Manager[Self]()

    class Meta:
        abstract = True
        # Related objects, refresh_from_db() and save() go through the scoped manager as well.
        base_manager_name = "objects"
        default_manager_name = "objects"
        constraints = [
            # The target of fences.
            models.UniqueConstraint(fields=["tenant", "id"], name="%(app_label)s_%(class)s_fenced"),
            TenantPolicy(),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        _claim(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        if self.tenant_id != current_tenant_id():
            raise CrossTenantWrite(f"{type(self).__name__} belongs to another tenant.")
        return super().delete(*args, **kwargs)


class TenantChild(TenantOwned):
    """A row of one tenant below another row of it: a fence leads there by a column that is never
    empty. That one is held to the tenant, so that a key from here would only be asked once more.
    """

    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    class Meta(TenantOwned.Meta):
        abstract = True


class TenantFence(TableGuard):
    """`(tenant_id, <field>_id)` must exist in the target of `field`, inside the same tenant.

    Each key costs a query at commit, each index a write. So the field itself has neither a key of
    its own (`db_constraint=False`), which the fence implies, nor, where an index begins with the
    tenant and the field, one of its own (`db_index=False`).

    `via` names a tenant table (`"app.Model"`) to check in its place: a foreign key to the global
    user table is fenced by `tenants.Membership`, whose column has the field name `via_field`.
    """

    def __init__(
        self, field: str, *, via: str = "", via_field: str = "id", name: str = "", **options: Any
    ) -> None:
        super().__init__(name=name or f"%(app_label)s_%(class)s_{field}_fence", **options)
        self.field, self.via, self.via_field = field, via, via_field

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        column = model._meta.get_field(self.field)
        if self.via:
            # The project's registry: SQLite remakes tables in one that holds a single model.
            target: Any = apps.get_model(self.via)
        else:
            target = column.remote_field.model
        target_column = target._meta.get_field(self.via_field).column
        return (
            f"CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY ({quote('tenant_id')}, {quote(column.column)}) "
            f"REFERENCES {quote(target._meta.db_table)} "
            f"({quote('tenant_id')}, {quote(target_column)}) DEFERRABLE INITIALLY DEFERRED"
        )

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} ADD {self.constraint_sql(model, schema_editor)}"

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs["field"] = self.field
        if self.via:
            kwargs |= {"via": self.via, "via_field": self.via_field}
        return path, tuple(args), kwargs


def member_fence(field: str) -> TenantFence:
    """Fence of a foreign key to the user table: the person must be a member of the tenant."""
    return TenantFence(field, via="tenants.Membership", via_field="user")


def tenant_models() -> list[type[TenantOwned]]:
    """Every tenant table of the project."""
    return [model for model in apps.get_models() if issubclass(model, TenantOwned)]
