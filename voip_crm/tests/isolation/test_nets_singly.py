"""Proof: row-level security alone holds the matrix, and so does the ORM's filter alone.

Each run first shows that its fault is real: with both nets cut the foreign row is there.
"""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.services.rooms import ledger
from contacts.models import Contact
from tenants.fence.context import tenant_transaction
from voip_crm.tests.isolation import nets
from voip_crm.tests.isolation.registry import ROUTES
from voip_crm.tests.isolation.test_matrix import assert_held
from voip_crm.tests.isolation.world import Side, World

pytestmark = pytest.mark.django_db
EARLY = Contact.objects.all()  # made at import time
ACTORS = ("outsider", "admin", "root_elsewhere")
SINGLY = (nets.RLS, nets.ORM)


def foreign_contact(world: World) -> tuple[bool, str]:
    """Whether Acme finds Borealis' contact, and the statement that asked."""
    with tenant_transaction(world.acme.tenant.pk), CaptureQueriesContext(connection) as asked:
        found = EARLY.filter(pk=world.borealis.ids["contact"]).exists()
        assert EARLY.filter(pk=world.acme.ids["contact"]).exists()
    return found, asked[0]["sql"].partition("WHERE")[2]


def test_each_fault_is_real_and_the_other_net_holds(world: World) -> None:
    found, statement = foreign_contact(world)
    assert not found and "tenant_id" in statement
    with nets.holding(nets.RLS):
        found, statement = foreign_contact(world)
        assert not found and "tenant_id" not in statement and "1 = 1" in statement
        with nets.without_policies():
            assert foreign_contact(world)[0]
    with nets.holding(nets.ORM):
        found, statement = foreign_contact(world)
        assert not found and "tenant_id" in statement


def test_each_net_holds_sql_that_is_written_out(world: World) -> None:
    def found(whose: Side) -> tuple[bool, str]:
        sent: list[str] = []

        def note(execute: Any, sql: str, *rest: Any) -> Any:
            sent.append(sql)
            return execute(sql, *rest)

        with tenant_transaction(world.acme.tenant.pk), connection.execute_wrapper(note):
            known = ledger.read({"room": UUID(whose.ids["room"])})
        return known is not None, " ".join(sent)

    for net in (*SINGLY, nets.BOTH):
        with nets.holding(net):
            assert found(world.acme)[0]
            is_found, statements = found(world.borealis)
            assert not is_found and ("IS NOT NULL" in statements) == (net == nets.RLS)
    with nets.holding(nets.RLS), nets.without_policies():
        assert found(world.borealis)[0]


@pytest.mark.parametrize("net", SINGLY)
@pytest.mark.parametrize(
    "name",
    [name for name, route in ROUTES.items() if "admin" in route.whom or "root" in route.whom],
)
def test_the_matrix_holds_by_one_net(world: World, name: str, net: str) -> None:
    with nets.holding(net):
        assert_held(world, ROUTES[name], ACTORS, known_methods=True)
