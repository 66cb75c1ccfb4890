"""Many at once, on real threads and connections: each caller has one winner, nobody wins two, and
nobody waits for somebody who waits for them.

INBOUND_EXAMPLES is how often fifty answer one call (`./test inbound`).
"""

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from calls import tasks
from calls.facts.refusals import Refusal
from calls.models import AgentAvailability, Caller, Conference, GroupMember, Offer
from calls.services.inbound import availability, offers
from calls.tests.services.inbound.floor import Floor
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, User

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)
TIMES = int(os.environ.get("INBOUND_EXAMPLES", "4"))


@pytest.fixture
def floor(committed_cast: Any) -> Floor:
    return Floor(committed_cast.acme)


def people(floor: Floor, count: int) -> list[Membership]:
    """Agents who are all there."""
    made = [User(email=f"a{n}@acme.example", name=f"Agent {n}") for n in range(count)]
    User.objects.bulk_create(made)
    with tenant_transaction(floor.tenant.pk):
        members = Membership.objects.bulk_create(
            [Membership(tenant=floor.tenant, user=user) for user in made]
        )
        known = {"availability": "available", "idle_since": floor.now, "seen_at": floor.now}
        AgentAvailability.objects.bulk_create(
            [AgentAvailability(user=user, **known) for user in made]
        )
    return list(members)


def at_once(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each returns or raises, all having begun at the same moment."""
    found: list[Any] = [None] * len(work)
    start = threading.Barrier(len(work))

    def run(number: int) -> None:
        try:
            with connection.cursor():  # is open
                start.wait()
            found[number] = work[number]()
        except Exception as error:  # to be looked at by the test
            found[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return found


@pytest.fixture
def fifty(floor: Floor) -> tuple[Any, list[Membership]]:
    members = people(floor, 50)
    return floor.group(members, unanswered_seconds=3600), members


def test_of_fifty_answers_at_once_one_wins(floor: Floor, fifty: Any) -> None:
    group, members = fifty
    for _ in range(TIMES):
        caller = floor.call(group)
        floor.tend(group)
        assert len(floor.rings_at(caller)) == 50
        answers = [partial(floor.answer, member, caller) for member in members]
        tends = [partial(floor.tend, group)] * 2  # meanwhile, as others do
        *found, first, second = at_once([*answers, *tends])
        assert first.led_on == second.led_on == []
        won = [n for n, answer in enumerate(found) if not isinstance(answer, Exception)]
        assert len(won) == 1, found
        winner = members[won[0]]
        for answer in found[: won[0]] + found[won[0] + 1 :]:
            assert isinstance(answer, Refusal) and answer.code == "answered_elsewhere", answer
            assert answer.details == {"by": winner.user.name}
        room = floor.fresh(caller.call.conference)
        assert room.agent_id == winner.user_id
        ends = [end for _, end in floor.offers(caller)]
        assert sorted(ends) == ["answered"] * 49 + ["claimed"]
        floor.hang_up(caller)  # so that the winner is free


def test_one_agent_who_answers_ten_callers_at_once_wins_one(
    floor: Floor, committed_cast: Any
) -> None:
    bob = committed_cast.bob
    floor.is_there(bob)
    # In two groups: it is not the group that keeps them apart.
    both = [floor.group([bob]), floor.group([bob], name="Support")]
    callers = [floor.call(both[number % 2]) for number in range(10)]
    for group in both:
        floor.tend(group)
    wins = [partial(floor.answer, bob, caller) for caller in callers]
    answers = at_once([*wins, *(partial(floor.tend, group) for group in both)])
    refused = [answer for answer in answers[:10] if isinstance(answer, Refusal)]
    assert len(refused) == 9 and {each.code for each in refused} <= {"agent_busy", "not_offered"}
    assert not isinstance(answers[10], Exception) and not isinstance(answers[11], Exception)
    with tenant_transaction(floor.tenant.pk):
        assert Conference.objects.filter(agent=bob.user).count() == 1
    for group in both:
        floor.tend(group)
    with tenant_transaction(floor.tenant.pk):
        assert not Offer.objects.filter(end="").exists(), "who talks is rung no more"


def test_two_groups_that_are_tended_at_once_ring_an_agent_for_one_caller(
    floor: Floor, committed_cast: Any
) -> None:
    bob = committed_cast.bob
    floor.is_there(bob)
    both = [floor.group([bob], strategy="in-order", name=name) for name in ("A", "B")]
    for _ in range(TIMES):
        callers = [floor.call(group) for group in both]
        tended = at_once([partial(floor.tend, group) for group in both * 5])
        assert not any(isinstance(each, Exception) for each in tended), tended
        rung = [caller for caller in callers if floor.rings_at(caller)]
        assert len(rung) == 1
        for caller in callers:
            floor.hang_up(caller)


def test_whatever_happens_at_once_nobody_waits_for_each_other(floor: Floor) -> None:
    """Callers come, hang up and are answered, agents decline, show and are tended, in two groups
    with the same people: no deadlock, no ring without its caller, no caller without a way.
    """
    members = people(floor, 12)
    both = [floor.group(members[n * 3 : n * 3 + 9], name=name) for n, name in ((0, "A"), (1, "B"))]
    with tenant_transaction(floor.tenant.pk):
        assert GroupMember.objects.count() == 18
    for _ in range(TIMES):
        callers = [floor.call(both[number % 2]) for number in range(8)]
        for group in both:
            floor.tend(group)

        call_ids = [caller.call_id for caller in callers]
        pairs = zip(members * 2, callers * 3, strict=False)
        work: list[Callable[[], Any]] = [
            *(partial(floor.hang_up, caller) for caller in callers[:3]),
            *(partial(floor.answer, *pair) for pair in pairs),
            *(partial(offers.confirm, each, call_ids, now=floor.now) for each in members[:6]),
            *(partial(offers.decline, each, call_ids[-1], now=floor.now) for each in members[:6]),
            *(partial(floor.tend, group) for group in both * 3),
        ]
        found = at_once(work)
        odd = [each for each in found if isinstance(each, Exception)]
        assert [each for each in odd if not isinstance(each, Refusal)] == []
        for group in both:
            floor.tend(group)
        with tenant_transaction(floor.tenant.pk):
            claimed = Conference.objects.exclude(agent=None).values_list("agent", flat=True)
            current = claimed.filter(call__caller__left_at=None)
            assert len(current) == len(set(current)), "nobody wins two"
            rings = Offer.objects.filter(end="")
            assert not rings.exclude(caller__left_at=None).exists()
            assert not rings.exclude(caller__claimed_at=None).exists()
            assert not rings.filter(user__in=list(current)).exists()
        for caller in callers:
            floor.hang_up(caller)
        with tenant_transaction(floor.tenant.pk):
            Conference.objects.update(agent=None)
            Caller.objects.update(claimed_at=None)


def test_rings_move_on_by_themselves_in_whatever_process_has_begun(
    floor: Floor, committed_cast: Any, eventually: Any
) -> None:
    alice, bob = committed_cast.alice, committed_cast.bob
    floor.is_there(alice, bob)
    group = floor.group([alice, bob], strategy="in-order")
    caller = floor.call(group)
    tasks.tend_groups(floor.tenant.pk, [group.pk])
    eventually(lambda: floor.rings_at(caller) == {"Alice"}, 10)
    eventually(lambda: floor.offers(caller) == [("Alice", "unconfirmed"), ("Bob", "")], 10)
    offers.confirm(bob, [caller.call_id], now=timezone.now())
    # An agent's news concern their groups as well.
    offers.decline(bob, caller.call_id, now=timezone.now())
    availability.note_seen(alice, now=timezone.now())
    floor.hang_up(caller)
    second = floor.call(group)
    tasks.tend_agent(floor.tenant.pk, alice.user_id)
    eventually(lambda: floor.rings_at(second) == {"Alice"}, 10)
    floor.hang_up(second)
    tasks.tend_groups(floor.tenant.pk, [group.pk])
    eventually(lambda: floor.fresh(group).look_again_at is None, 10)
