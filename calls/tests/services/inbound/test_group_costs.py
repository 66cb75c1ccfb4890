"""What groups ask of the database: as many statements for many callers and agents as for few."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.models import Caller
from calls.services.inbound import offers
from calls.tests.services.inbound.floor import Floor, seconds, somebody
from tenants.fence.context import tenant_transaction


def statements(do: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        do()
    asked = [query["sql"] for query in queries]
    return sum(sql.startswith(("SELECT", "UPDATE", "INSERT")) for sql in asked)


class Scene:
    def __init__(self, tenant: Any, callers: int, agents: int) -> None:
        self.floor = Floor(tenant)
        self.members = [somebody(tenant, f"Agent{agents}{n}") for n in range(agents)]
        self.floor.is_there(*self.members)
        fields = {"name": f"Of {agents}", "unanswered_seconds": 3600}
        self.group = self.floor.group(self.members, **fields)
        self.callers = [self.floor.call(self.group) for _ in range(callers)]

    def tend(self, later: float = 0) -> int:
        self.floor.later(later)
        return statements(lambda: self.floor.tend(self.group))

    def wait_out(self) -> int:
        """All are led on."""
        with tenant_transaction(self.floor.tenant.pk):
            entered = self.floor.now - seconds(3600)
            Caller.objects.filter(place__endswith=self.group.pk.hex).update(entered_at=entered)
        return self.tend()


# As PostgreSQL is asked: a transaction that says whose it is, the group, its callers, their offers,
# availabilities, members, telephones that ring; and what is written.
READS, SAID = 6, 1


@pytest.fixture
def few_and_many(cast: Any) -> tuple[Scene, Scene]:
    return Scene(cast.acme, 1, 2), Scene(cast.acme, 6, 7)


def test_a_group_is_tended_by_a_fixed_number_of_statements(few_and_many: Any) -> None:
    few, many = few_and_many
    for later, written in (
        (0, 2),  # rings begin: offers, and when to look again
        (0.5, 0),  # nothing is to be done
        (2, 3),  # none was confirmed: offers end, agents are asleep, when to look again
    ):
        costs = few.tend(later), many.tend(later)
        assert costs[0] == costs[1] <= SAID + READS + written, (later, costs)


def test_a_group_in_which_nobody_waits_costs_next_to_nothing(cast: Any) -> None:
    scene = Scene(cast.acme, 0, 5)
    assert scene.tend() <= SAID + 3


def test_who_is_led_on_costs_the_same_each(few_and_many: Any) -> None:
    few, many = few_and_many
    one, six = few.wait_out(), many.wait_out()
    each = (six - one) / 5
    assert each == int(each) <= 12, "their event, which is folded into their call"


def test_a_receipt_costs_the_same_however_much_rings(few_and_many: Any) -> None:
    for scene in few_and_many:
        scene.tend()
        calls = [caller.call_id for caller in scene.callers]
        receipt = partial(offers.confirm, scene.members[0], calls, now=scene.floor.now)
        assert statements(receipt) <= SAID + 2


def test_an_answer_costs_the_same_however_many_it_rings_at(few_and_many: Any) -> None:
    costs = []
    for scene in few_and_many:
        scene.tend()
        answer = partial(scene.floor.answer, scene.members[0], scene.callers[0])
        costs.append(statements(answer))
    assert costs[0] == costs[1] <= SAID + 10
