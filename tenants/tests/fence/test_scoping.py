"""Nets 1 and 2: tenant tables fail closed, and their edges are fenced in the database."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Count, Exists, OuterRef
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants.fence.context import (
    CrossTenantWrite,
    TenantNotSet,
    current_tenant_id,
    tenant_context,
    tenant_id_for_query,
    tenant_transaction,
)
from tenants.fence.scoping import TenantFence, TenantOwned, tenant_models
from tenants.models import Membership, User

Contact = apps.get_model("contacts.Contact")
ContactNumber = apps.get_model("contacts.ContactNumber")
CallLog = apps.get_model("calls.CallLog")

# Made when this module was imported, outside any tenant.
EARLY = Contact.objects.filter(name__startswith="Maria")

READS: dict[str, Callable[[], Any]] = {
    "iterate": lambda: list(Contact.objects.all()),
    "get": lambda: Contact.objects.get(pk=uuid.uuid4()),
    "first": lambda: Contact.objects.first(),
    "last": lambda: Contact.objects.last(),
    "latest": lambda: Contact.objects.latest("created_at"),
    "count": lambda: Contact.objects.count(),
    "exists": lambda: Contact.objects.exists(),
    "contains": lambda: Contact.objects.contains(Contact(pk=uuid.uuid4())),
    "aggregate": lambda: Contact.objects.aggregate(n=Count("pk")),
    "annotate": lambda: list(Contact.objects.annotate(n=Count("numbers"))),
    "values": lambda: list(Contact.objects.values("name")),
    "values_list": lambda: list(Contact.objects.values_list("name")),
    "dates": lambda: list(Contact.objects.dates("created_at", "day")),
    "in_bulk": lambda: Contact.objects.in_bulk([uuid.uuid4()]),
    "iterator": lambda: list(Contact.objects.iterator()),
    "union": lambda: list(Contact.objects.all().union(Contact.objects.all())),
    "explain": lambda: Contact.objects.all().explain(),
    "raw": lambda: list(Contact.objects.raw("SELECT * FROM contacts_contact")),
    "early": lambda: list(EARLY.all()),
    "reverse": lambda: list(Contact(pk=uuid.uuid4()).numbers.all()),
    "refresh": lambda: Contact(pk=uuid.uuid4()).refresh_from_db(),
    "base manager": lambda: list(Contact._base_manager.all()),
    "default manager": lambda: list(Contact._default_manager.all()),
    "subquery": lambda: list(
        User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"))))
    ),
}
WRITES: dict[str, Callable[[], Any]] = {
    "create": lambda: Contact.objects.create(name="Nobody"),
    "save": lambda: Contact(name="Nobody").save(),
    "get_or_create": lambda: Contact.objects.get_or_create(name="Nobody"),
    "update_or_create": lambda: Contact.objects.update_or_create(name="Nobody"),
    "bulk_create": lambda: Contact.objects.bulk_create([Contact(name="Nobody")]),
    "bulk_update": lambda: Contact.objects.bulk_update([Contact(pk=uuid.uuid4())], ["name"]),
    "update": lambda: Contact.objects.update(name="Nobody"),
    "delete": lambda: Contact.objects.all().delete(),
    "instance delete": lambda: Contact(pk=uuid.uuid4()).delete(),
}


@pytest.mark.parametrize("entry", [*READS, *WRITES])
def test_every_entry_point_raises_outside_a_tenant(cast: Any, entry: str) -> None:
    with pytest.raises((TenantNotSet, CrossTenantWrite)), transaction.atomic():
        (READS | WRITES)[entry]()


@pytest.mark.parametrize("entry", ["iterate", "count", "exists", "early"])
def test_a_context_without_its_transaction_is_not_enough(cast: Any, entry: str) -> None:
    with tenant_context(cast.acme.pk), pytest.raises(TenantNotSet):
        READS[entry]()


def test_a_copied_context_does_not_open_another_connection(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk), ThreadPoolExecutor(1) as threads:
        assert tenant_id_for_query() == cast.acme.pk
        there = threads.submit(copy_context().run, tenant_id_for_query)
        with pytest.raises(TenantNotSet):
            there.result()


def test_each_tenant_sees_its_own_rows_and_no_others(cast: Any) -> None:
    for tenant, maria in ((cast.acme, cast.acme_maria), (cast.borealis, cast.borealis_maria)):
        with tenant_transaction(tenant.pk):
            assert list(EARLY.all()) == [maria]
            assert Contact.objects.count() == 1
            assert maria.numbers.count() == 1


def test_a_foreign_row_cannot_be_reached_by_its_key(cast: Any) -> None:
    foreign = cast.borealis_maria
    with tenant_transaction(cast.acme.pk):
        assert not Contact.objects.filter(pk=foreign.pk).exists()
        with pytest.raises(Contact.DoesNotExist):
            foreign.refresh_from_db()
        assert Contact.objects.in_bulk([foreign.pk]) == {}
        assert list(foreign.numbers.all()) == []
        assert Contact.objects.filter(pk=foreign.pk).update(name="Hacked") == 0
        assert Contact.objects.filter(pk=foreign.pk).delete()[0] == 0
    with tenant_transaction(cast.borealis.pk):
        foreign.refresh_from_db()
        assert foreign.name == "Maria of Borealis"


def test_a_row_of_another_tenant_is_never_written(cast: Any) -> None:
    foreign = cast.borealis_maria
    with tenant_transaction(cast.acme.pk):
        for write in (
            lambda: foreign.save(),
            lambda: foreign.delete(),
            lambda: Contact.objects.create(tenant=cast.borealis, name="X"),
            lambda: Contact.objects.bulk_create([Contact(tenant=cast.borealis, name="X")]),
            lambda: Contact.objects.update(tenant=cast.borealis),
            lambda: Contact.objects.update(tenant_id=cast.borealis.pk),
            lambda: Contact.objects.bulk_update([cast.acme_maria], ["tenant"]),
        ):
            with pytest.raises(CrossTenantWrite):
                write()
        mine = cast.acme_maria
        mine.tenant = cast.borealis
        with pytest.raises(CrossTenantWrite):
            mine.save()
    with tenant_transaction(cast.acme.pk):
        assert Contact.objects.count() == 1


def test_a_new_row_belongs_to_the_current_tenant(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        saved = Contact.objects.create(name="A")
        Contact.objects.bulk_create([Contact(name="B")])
        assert saved.tenant_id == cast.acme.pk
        assert set(Contact.objects.values_list("tenant_id", flat=True)) == {cast.acme.pk}


def test_a_row_of_ones_own_is_saved_and_deleted_as_asked(cast: Any) -> None:
    contact = cast.acme_maria
    with tenant_transaction(cast.acme.pk):
        before = contact.company
        contact.name, contact.company = "Maria M.", "Elsewhere"
        contact.save(update_fields=["name"])
        contact.refresh_from_db()
        assert (contact.name, contact.company) == ("Maria M.", before)
        assert contact.delete(keep_parents=True)[0] > 0
        assert not Contact.objects.filter(pk=contact.pk).exists()


def test_one_tenants_work_may_not_enter_another(cast: Any) -> None:
    with (
        tenant_transaction(cast.acme.pk),
        pytest.raises(CrossTenantWrite),
        tenant_transaction(cast.borealis.pk),
    ):
        pass
    with pytest.raises(TenantNotSet):
        current_tenant_id()


def test_the_same_tenant_may_be_entered_again(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        with CaptureQueriesContext(connection) as queries, tenant_transaction(cast.acme.pk):
            with tenant_transaction():
                assert Contact.objects.count() == 1
        # It is said to the database once.
        assert not [query for query in queries if "set_config" in query["sql"]]


def test_a_failed_block_leaves_no_tenant_behind(cast: Any) -> None:
    with pytest.raises(ZeroDivisionError), tenant_transaction(cast.acme.pk):
        _ = 1 / 0
    with pytest.raises(TenantNotSet):
        Contact.objects.count()


def test_the_database_refuses_an_edge_into_another_tenant(committed_cast: Any) -> None:
    cast = committed_cast
    number = ContactNumber._meta.db_table
    for tenant, contact, allowed in (
        (cast.acme, cast.acme_maria, True),
        (cast.acme, cast.borealis_maria, False),
    ):
        sql = (
            f"INSERT INTO {number} (tenant_id, contact_id, number, label, position)"
            " VALUES (%s, %s, '+14155550111', '', 9)"
        )
        ids = [
            models.UUIDField().get_db_prep_value(pk, connection) for pk in (tenant.pk, contact.pk)
        ]

        def insert(sql: str = sql, ids: list[Any] = ids) -> None:
            with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
                cursor.execute(sql, ids)

        if allowed:
            insert()
        else:
            with pytest.raises(IntegrityError):
                insert()


def test_a_call_can_only_have_an_agent_who_is_a_member(committed_cast: Any) -> None:
    cast = committed_cast

    def call_by(user: User) -> None:
        with tenant_transaction(cast.acme.pk):
            CallLog.objects.create(
                user=user,
                direction="OUTBOUND",
                from_number="+14155550199",
                to_number="+14155550100",
                started_at=timezone.now(),
            )

    call_by(cast.bob.user)
    with pytest.raises(IntegrityError):
        call_by(cast.charlie.user)


def test_every_edge_between_tenant_tables_has_its_fence() -> None:
    missing = []
    for model in tenant_models():
        fenced = {c.field for c in model._meta.constraints if isinstance(c, TenantFence)}
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey) or field.name == "tenant":
                continue
            target = field.related_model
            inside = issubclass(target, TenantOwned) or target is User
            if inside and field.name not in fenced and model is not Membership:
                missing.append(f"{model.__name__}.{field.name}")
    assert missing == []


def test_every_model_with_a_tenant_is_a_tenant_table() -> None:
    for model in apps.get_models():
        names = {field.name for field in model._meta.get_fields()}
        if "tenant" in names and model.__name__ != "Tenant":
            assert issubclass(model, TenantOwned), model
            assert not model._meta.many_to_many, "many-to-many only through explicit models"
