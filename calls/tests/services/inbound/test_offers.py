"""What agents do about a ring: a page shows it, they decline, they answer, and one wins."""

from typing import Any
from uuid import uuid4

import pytest

from calls.facts.refusals import Refusal
from calls.models import Caller, CallLog, Offer
from calls.services.inbound import availability, groups, offers
from calls.tests.services.inbound.floor import Floor, seconds, somebody
from calls.tests.services.inbound.test_groups import in_a_call
from tenants.fence.context import tenant_transaction
from tenants.models import Membership


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


@pytest.fixture
def group(floor: Floor, cast: Any) -> Any:
    """Alice and Bob are there."""
    floor.is_there(cast.alice, cast.bob)
    return floor.group([cast.alice, cast.bob], unanswered_seconds=300)


@pytest.fixture
def caller(floor: Floor, group: Any) -> Caller:
    """Rings at both."""
    caller = floor.call(group)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Alice", "Bob"}
    return caller


def code_of(member: Membership, caller: Caller, floor: Floor) -> Refusal:
    with pytest.raises(Refusal) as refused:
        offers.claim(member, caller.call_id, now=floor.now)
    return refused.value


# --- a page shows it ------------------------------------------------------------------------------


def test_what_a_page_shows_rings_on(floor: Floor, group: Any, caller: Caller, cast: Any) -> None:
    floor.later(1)
    offers.confirm(cast.bob, [caller.call_id, uuid4()], now=floor.now)
    floor.later(1)
    floor.tend(group)
    assert floor.offers(caller) == [("Alice", "unconfirmed"), ("Bob", "")]


def test_the_first_receipt_counts(floor: Floor, caller: Caller, cast: Any) -> None:
    first = floor.now
    offers.confirm(cast.bob, [caller.call_id], now=first)
    offers.confirm(cast.bob, [caller.call_id], now=first + seconds(9))
    with tenant_transaction(cast.acme.pk):
        assert Offer.objects.get(user=cast.bob.user).confirmed_at == first
        assert Offer.objects.get(user=cast.alice.user).confirmed_at is None, "each for themselves"


def test_a_receipt_of_another_workspace_confirms_nothing(
    floor: Floor, caller: Caller, cast: Any
) -> None:
    offers.confirm(cast.charlie, [caller.call_id], now=floor.now)
    with tenant_transaction(cast.borealis.pk):
        there = Membership.objects.create(user=cast.bob.user)
    offers.confirm(there, [caller.call_id], now=floor.now)
    with tenant_transaction(cast.acme.pk):
        assert not Offer.objects.exclude(confirmed_at=None).exists()


# --- they decline ---------------------------------------------------------------------------------


def test_decline_is_not_i_and_the_others_ring_on(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    for member in (cast.alice, cast.bob):
        offers.confirm(member, [caller.call_id], now=floor.now)
    offers.decline(cast.bob, caller.call_id, now=floor.now)
    offers.decline(cast.bob, caller.call_id, now=floor.now)
    floor.tend(group)
    assert floor.offers(caller) == [("Alice", ""), ("Bob", "declined")]
    floor.later(19)
    floor.is_there(cast.alice, cast.bob)
    floor.later(1)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Alice"}, "who has declined is not asked again"


def test_who_declines_is_there_and_has_missed_nothing(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    offers.confirm(cast.bob, [caller.call_id], now=floor.now)
    floor.later(19)
    availability.note_seen(cast.bob, now=floor.now)
    floor.later(1)
    floor.tend(group)
    assert floor.availability_of(cast.bob).missed_in_a_row == 1
    assert "Bob" in floor.rings_at(caller)
    offers.decline(cast.bob, caller.call_id, now=floor.now)
    assert floor.availability_of(cast.bob).missed_in_a_row == 0


def test_nobody_declines_for_another(floor: Floor, caller: Caller, cast: Any) -> None:
    offers.decline(cast.charlie, caller.call_id, now=floor.now)
    assert floor.rings_at(caller) == {"Alice", "Bob"}


# --- they answer ----------------------------------------------------------------------------------


def test_who_answers_wins_and_every_other_ring_ends(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    floor.later(1)
    request_id = offers.claim(cast.bob, caller.call_id, now=floor.now)
    room = floor.fresh(caller.call.conference)
    assert (room.agent_id, room.client_request_id) == (cast.bob.user_id, request_id)
    assert floor.fresh(caller).claimed_at == floor.now
    assert floor.offers(caller) == [("Alice", "answered"), ("Bob", "claimed")]
    again = offers.claim(cast.bob, caller.call_id, now=floor.now + seconds(3))
    assert again == request_id, "from a second tab, or once more"
    assert floor.fresh(caller).claimed_at == floor.now
    assert floor.tend(group).led_on == []


def test_who_is_too_late_hears_who_was_not(floor: Floor, caller: Caller, cast: Any) -> None:
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    refusal = code_of(cast.alice, caller, floor)
    assert refusal.code == "answered_elsewhere" and refusal.message == "Bob has answered this call."
    assert refusal.details == {"by": "Bob"}


def test_who_has_hung_up_cannot_be_answered(floor: Floor, caller: Caller, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        groups.leave(Caller.objects.get(pk=caller.pk), now=floor.now)
    assert code_of(cast.bob, caller, floor).code == "call_over"


def test_a_call_that_is_over_cannot_be_answered_not_even_by_its_winner(
    floor: Floor, caller: Caller, cast: Any
) -> None:
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=caller.call_id).update(ended_at=floor.now, status="no-answer")
    assert code_of(cast.bob, caller, floor).code == "call_over"


def test_only_who_is_rung_can_answer(floor: Floor, caller: Caller, cast: Any) -> None:
    dora = somebody(cast.acme, "Dora")
    floor.is_there(dora)
    assert code_of(dora, caller, floor).code == "not_offered"
    offers.decline(cast.bob, caller.call_id, now=floor.now)
    assert code_of(cast.bob, caller, floor).code == "not_offered"


def test_a_ring_whose_time_is_over_may_be_answered_until_it_is_ended(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    floor.later(2.5)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    floor.tend(group)
    assert floor.offers(caller) == [("Alice", "answered"), ("Bob", "claimed")]


def test_who_is_in_a_call_cannot_answer(floor: Floor, caller: Caller, cast: Any) -> None:
    in_a_call(floor, cast.bob)
    assert code_of(cast.bob, caller, floor).code == "agent_busy"


def test_nobody_answers_two_callers(floor: Floor, group: Any, caller: Caller, cast: Any) -> None:
    second = floor.call(group)
    floor.tend(group)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    assert code_of(cast.bob, second, floor).code == "agent_busy", "before they are in the room"
    floor.tend(group)
    assert floor.rings_at(second) == {"Alice"}
    assert ("Bob", "unavailable") in floor.offers(second)


def test_who_was_deactivated_cannot_answer(floor: Floor, caller: Caller, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        Membership.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert code_of(cast.bob, caller, floor).code == "forbidden"
    assert floor.fresh(caller).claimed_at is None


def test_nobody_of_another_workspace_answers(floor: Floor, caller: Caller, cast: Any) -> None:
    assert code_of(cast.charlie, caller, floor).code == "call_over", "there is no such call"
    with tenant_transaction(cast.borealis.pk):
        there = Membership.objects.create(user=cast.bob.user)
    assert code_of(there, caller, floor).code == "call_over", "nor for who is rung elsewhere"
    assert floor.fresh(caller).claimed_at is None


def test_who_did_not_come_may_be_rung_and_win_again(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    first = offers.claim(cast.bob, caller.call_id, now=floor.now)
    floor.later(8)
    floor.tend(group)
    assert code_of(cast.bob, caller, floor).code == "not_offered", "given back"
    floor.later(1)
    floor.is_there(cast.bob)
    floor.tend(group)
    assert offers.claim(cast.bob, caller.call_id, now=floor.now) == first


def test_a_winner_is_free_again_once_their_caller_has_hung_up(
    floor: Floor, group: Any, caller: Caller, cast: Any
) -> None:
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    second = floor.call(group)
    floor.tend(group)
    assert floor.rings_at(second) == {"Alice"}
    with tenant_transaction(cast.acme.pk):
        groups.leave(Caller.objects.get(pk=caller.pk), now=floor.now)
    floor.tend(group)
    assert floor.rings_at(second) == {"Alice", "Bob"}
