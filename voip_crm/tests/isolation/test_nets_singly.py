"""Proof: row-level security alone holds the matrix, and so does the ORM's filter alone.

Each run first shows that its fault is real: with both nets cut the foreign row is there.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from tenants.fence.context import tenant_transaction
from voip_crm.tests.isolation import nets
from voip_crm.tests.isolation.registry import ROUTES
from voip_crm.tests.isolation.test_matrix import assert_held
from voip_crm.tests.isolation.world import World

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


@pytest.mark.parametrize("net", SINGLY)
@pytest.mark.parametrize(
    "name",
    [name for name, route in ROUTES.items() if "admin" in route.whom or "root" in route.whom],
)
def test_the_matrix_holds_by_one_net(world: World, name: str, net: str) -> None:
    with nets.holding(net):
        assert_held(world, ROUTES[name], ACTORS, known_methods=True)
