"""Callers in groups: who is rung for them and in which order, how it ends, and where they go."""

from typing import Any

import pytest

from calls.facts.inbound import missed
from calls.facts.inbound.queues import Availability, Wish
from calls.models import (
    AgentAvailability,
    Caller,
    CallEvent,
    CallLeg,
    CallLog,
    Conference,
    Group,
    GroupMember,
    Offer,
    VoicemailBox,
)
from calls.selectors.queues import RULES, place_of
from calls.services.inbound import availability, groups, offers
from calls.tests.services.inbound.floor import Floor, seconds, somebody
from contacts.models import Contact
from tenants.bricks import live
from tenants.fence.context import tenant_transaction
from tenants.models import Membership


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


@pytest.fixture
def dora(cast: Any) -> Membership:
    return somebody(cast.acme, "Dora")


@pytest.fixture
def told(monkeypatch: Any, django_capture_on_commit_callbacks: Any) -> Any:
    """`told(do)`: the live messages that something publishes, in no order."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(live, "publish", lambda tenant_id, message: messages.append(message))

    def during(do: Any) -> list[tuple[str, str]]:
        messages.clear()
        with django_capture_on_commit_callbacks(execute=True):
            do()
        return sorted((m["type"], m["agent"]) for m in messages if m["type"] != "call")

    return during


# --- who is rung ----------------------------------------------------------------------------------


def test_who_is_available_with_a_page_is_rung_and_told_once(
    floor: Floor, cast: Any, dora: Membership, told: Any
) -> None:
    group = floor.group([cast.alice, cast.bob, dora])
    floor.is_there(cast.bob, dora)  # Alice has never chosen: she is away
    caller = floor.call(group)
    assert told(lambda: floor.tend(group)) == sorted(
        ("ring", str(member.user_id)) for member in (cast.bob, dora)
    )
    assert floor.rings_at(caller) == {"Bob", "Dora"}
    assert told(lambda: floor.tend(group)) == [], "asked twice, nothing is said the second time"


def test_it_is_looked_at_again_when_time_alone_may_change_it(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob])
    floor.is_there(cast.bob)
    floor.call(group)
    assert floor.tend(group).look_again == floor.now + RULES.confirm
    assert floor.fresh(group).look_again_at == floor.now + RULES.confirm
    with tenant_transaction(cast.acme.pk):
        groups.leave(Caller.objects.get(), now=floor.now)
    assert floor.tend(group).look_again is None
    assert floor.fresh(group).look_again_at is None


def away(floor: Floor, member: Membership) -> None:
    availability.choose(member, Availability.AWAY, now=floor.now)


def disturbed(floor: Floor, member: Membership) -> None:
    availability.choose(member, Availability.DO_NOT_DISTURB, now=floor.now)


def deactivated(floor: Floor, member: Membership) -> None:
    with tenant_transaction(member.tenant_id):
        Membership.objects.filter(pk=member.pk).update(is_active=False)


def deactivated_everywhere(floor: Floor, member: Membership) -> None:
    member.user.is_active = False
    member.user.save()


def removed(floor: Floor, member: Membership) -> None:
    with tenant_transaction(member.tenant_id):
        GroupMember.objects.filter(user=member.user_id).delete()


def in_a_call(floor: Floor, member: Membership) -> None:
    with tenant_transaction(member.tenant_id):
        room = Conference.objects.create(
            agent=member.user, client_request_id=member.user_id, account_sid="AC"
        )
        CallLeg.objects.create(conference=room, party="agent", user=member.user, status="ringing")


def wrapping_up(floor: Floor, member: Membership) -> None:
    _change(member, wrap_up_until=floor.now + seconds(60))


def without_a_page(floor: Floor, member: Membership) -> None:
    _change(member, seen_at=floor.now - RULES.seen)


def asleep(floor: Floor, member: Membership) -> None:
    _change(member, asleep_at=floor.now)


def _change(member: Membership, **changes: Any) -> None:
    with tenant_transaction(member.tenant_id):
        AgentAvailability.objects.filter(user=member.user_id).update(**changes)


HINDRANCES = [
    *(away, disturbed, deactivated, deactivated_everywhere, removed, in_a_call, wrapping_up),
    *(without_a_page, asleep),
]


@pytest.mark.parametrize("hinder", HINDRANCES)
def test_who_cannot_take_a_call_is_not_rung(
    floor: Floor, cast: Any, dora: Membership, hinder: Any
) -> None:
    group = floor.group([cast.bob, dora])
    floor.is_there(cast.bob, dora)
    hinder(floor, cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Dora"}


@pytest.mark.parametrize("hinder", HINDRANCES)
def test_a_ring_ends_at_who_can_take_it_no_more_and_others_are_rung(
    floor: Floor, cast: Any, dora: Membership, hinder: Any, told: Any
) -> None:
    group = floor.group([cast.bob, dora], strategy="in-order")
    floor.is_there(cast.bob, dora)
    caller = floor.call(group)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Bob"}
    hinder(floor, cast.bob)
    messages = told(lambda: floor.tend(group))
    assert floor.offers(caller) == [("Bob", "unavailable"), ("Dora", "")]
    rung = [("ring", str(member.user_id)) for member in (cast.bob, dora)]
    assert set(rung) <= set(messages)


def test_nobody_of_another_workspace_is_rung(floor: Floor, cast: Any) -> None:
    theirs = Floor(cast.borealis)
    ours, other = floor.group([cast.bob]), theirs.group([cast.charlie])
    floor.is_there(cast.bob)
    theirs.is_there(cast.charlie)
    caller = floor.call(ours)
    floor.tend(ours)
    assert floor.rings_at(caller) == {"Bob"}
    # By an id of another workspace's group nothing is found, nor done.
    assert groups.tend(cast.borealis.pk, ours.pk, now=floor.now)[:2] == ([], None)
    assert groups.tend(cast.acme.pk, other.pk, now=floor.now)[:2] == ([], None)
    with tenant_transaction(cast.borealis.pk):
        assert not Offer.objects.exists()
        assert groups.due(floor.now) == [] and groups.of_agent(cast.bob.user_id) == []


def test_somebody_who_works_in_two_workspaces_rings_in_that_of_the_caller(
    floor: Floor, cast: Any
) -> None:
    with tenant_transaction(cast.borealis.pk):
        there = Membership.objects.create(user=cast.bob.user)
    theirs = Floor(cast.borealis)
    other = theirs.group([there])
    theirs.is_there(there)  # in Acme Bob is away
    ours = floor.group([cast.bob])
    caller, callers_there = floor.call(ours), theirs.call(other)
    floor.tend(ours)
    theirs.tend(other)
    assert floor.rings_at(caller) == set() and theirs.rings_at(callers_there) == {"Bob"}


# --- in which order -------------------------------------------------------------------------------


def miss(floor: Floor, group: Group, caller: Caller, *members: Membership) -> None:
    """Pages of these members show that it rings, and it rings to its end."""
    for member in members:
        offers.confirm(member, [caller.call_id], now=floor.now)
    for _ in range(2):
        floor.later(group.step_seconds / 2)
        for member in members:
            availability.note_seen(member, now=floor.now)
    floor.tend(group)


def test_everyone_is_rung_at_once_for_several_callers(
    floor: Floor, cast: Any, dora: Membership
) -> None:
    group = floor.group([cast.alice, cast.bob, dora], strategy="everyone")
    floor.is_there(cast.alice, cast.bob, dora)
    first, second = floor.call(group), floor.call(group)
    floor.tend(group)
    assert floor.rings_at(first) == floor.rings_at(second) == {"Alice", "Bob", "Dora"}


def test_in_order_is_the_order_of_the_list(floor: Floor, cast: Any, dora: Membership) -> None:
    members = [dora, cast.alice, cast.bob]
    group = floor.group(members, strategy="in-order", unanswered_seconds=300)
    floor.is_there(*members)
    caller = floor.call(group)
    floor.tend(group)
    for member in members:
        assert floor.rings_at(caller) == {member.user.name}, "one at a time"
        for other in members:
            availability.note_seen(other, now=floor.now + seconds(15))
        miss(floor, group, caller, member)
    names = [name for name, _ in floor.offers(caller)]
    assert names == ["Dora", "Alice", "Bob", "Dora"]


def test_the_longest_idle_comes_first(floor: Floor, cast: Any, dora: Membership) -> None:
    members = [cast.alice, cast.bob, dora]
    group = floor.group(members, strategy="longest-idle", unanswered_seconds=300)
    floor.is_there(*members)
    for member, minutes in ((cast.alice, 3), (cast.bob, 9), (dora, 5)):
        _change(member, idle_since=floor.now - seconds(60 * minutes))
    # Bob has talked two minutes ago: it is not since he became available that counts.
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.create(client_request_id=cast.bob.user_id, account_sid="AC")
        CallLeg.objects.create(
            conference=room,
            party="agent",
            user=cast.bob.user,
            status="completed",
            joined_at=floor.now - seconds(300),
            left_at=floor.now - seconds(120),
            ended_at=floor.now - seconds(119),
        )
    caller = floor.call(group)
    floor.tend(group)
    for name in ("Dora", "Alice", "Bob"):
        assert floor.rings_at(caller) == {name}
        member = next(each for each in members if each.user.name == name)
        for other in members:
            availability.note_seen(other, now=floor.now + seconds(15))
        miss(floor, group, caller, member)
    assert [name for name, _ in floor.offers(caller)][:3] == ["Dora", "Alice", "Bob"]


def test_the_contacts_owner_comes_first_and_then_everyone(
    floor: Floor, cast: Any, dora: Membership
) -> None:
    members = [cast.alice, cast.bob, dora]
    group = floor.group(members, strategy="owner-first", unanswered_seconds=300)
    floor.is_there(*members)
    with tenant_transaction(cast.acme.pk):
        Contact.objects.filter(pk=cast.acme_maria.pk).update(owner=dora.user)
    caller, stranger = floor.call(group, contact=cast.acme_maria), floor.call(group)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Dora"}
    assert floor.rings_at(stranger) == {"Alice", "Bob", "Dora"}
    with tenant_transaction(cast.acme.pk):
        groups.leave(stranger, now=floor.now)
    for member in members:
        availability.note_seen(member, now=floor.now + seconds(15))
    miss(floor, group, caller, dora)
    assert floor.rings_at(caller) == {"Alice", "Bob", "Dora"}


def test_of_two_callers_the_older_one_has_the_only_agent(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], strategy="in-order")
    floor.is_there(cast.bob)
    older = floor.call(group)
    floor.later(1)
    younger = floor.call(group)
    floor.tend(group)
    assert floor.rings_at(older) == {"Bob"} and floor.rings_at(younger) == set()


def test_who_rings_for_another_group_is_not_rung_one_at_a_time(
    floor: Floor, cast: Any, dora: Membership
) -> None:
    sales = floor.group([cast.bob, dora], strategy="in-order")
    support = floor.group([cast.bob, dora], strategy="in-order", name="Support")
    floor.is_there(cast.bob, dora)
    first, second = floor.call(sales), floor.call(support)
    floor.tend(sales)
    floor.tend(support)
    assert floor.rings_at(first) == {"Bob"} and floor.rings_at(second) == {"Dora"}


# --- what comes to nothing ------------------------------------------------------------------------


def test_who_confirms_nothing_is_asleep_and_the_next_is_rung(
    floor: Floor, cast: Any, dora: Membership, told: Any
) -> None:
    group = floor.group([cast.bob, dora], strategy="in-order")
    floor.is_there(cast.bob, dora)
    caller = floor.call(group)
    floor.tend(group)
    floor.later(2)
    messages = told(lambda: floor.tend(group))
    assert floor.offers(caller) == [("Bob", "unconfirmed"), ("Dora", "")]
    assert floor.availability_of(cast.bob).asleep_at == floor.now
    assert floor.availability_of(cast.bob).missed_in_a_row == 0, "it counts for nothing"
    assert ("availability", str(cast.bob.user_id)) in messages, "nobody can reach them"


def test_two_missed_in_a_row_set_an_agent_to_away_who_is_told(
    floor: Floor, cast: Any, told: Any
) -> None:
    group = floor.group([cast.bob], unanswered_seconds=300)
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    miss(floor, group, caller, cast.bob)
    kept = floor.availability_of(cast.bob)
    assert (kept.availability, kept.missed_in_a_row) == ("available", 1)
    messages = told(lambda: miss(floor, group, caller, cast.bob))
    kept = floor.availability_of(cast.bob)
    assert (kept.availability, kept.missed_in_a_row, kept.was_set_away) == ("away", 0, True)
    assert ("availability", str(cast.bob.user_id)) in messages
    assert [end for _, end in floor.offers(caller)] == ["missed", "missed"]


def test_a_winner_who_does_not_come_gives_the_caller_back_as_the_first(
    floor: Floor, cast: Any, dora: Membership, told: Any
) -> None:
    group = floor.group([cast.bob, dora], strategy="in-order")
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    floor.later(7.9)
    floor.is_there(dora)
    floor.tend(group)
    assert floor.fresh(caller).claimed_at is not None, "eight seconds are not over"
    older = floor.call(group)
    with tenant_transaction(cast.acme.pk):
        Caller.objects.filter(pk=older.pk).update(since=floor.now - seconds(600))
    floor.later(0.1)
    messages = told(lambda: floor.tend(group))
    row = floor.fresh(caller)
    assert row.claimed_at is None and row.returned_at == floor.now
    assert floor.fresh(caller.call.conference).agent_id is None
    assert floor.offers(caller) == [("Bob", "claimed"), ("Dora", "")], "before who waits longer"
    assert floor.rings_at(older) == set()
    assert floor.availability_of(cast.bob).asleep_at == floor.now
    assert ("availability", str(cast.bob.user_id)) in messages


def join(floor: Floor, caller: Caller, member: Membership, **changes: Any) -> CallLeg:
    with tenant_transaction(floor.tenant.pk):
        return CallLeg.objects.create(
            conference=caller.call.conference,
            party="agent",
            user=member.user,
            status="in-progress",
            joined_at=floor.now,
            **changes,
        )


def test_a_winner_who_is_in_the_room_keeps_the_caller(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob])
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    leg = join(floor, caller, cast.bob)
    floor.later(60)
    floor.tend(group)
    assert floor.fresh(caller).claimed_at is not None
    # … and is lost before the caller has come in.
    with tenant_transaction(cast.acme.pk):
        CallLeg.objects.filter(pk=leg.pk).update(left_at=floor.now)
    floor.tend(group)
    assert floor.fresh(caller).claimed_at is None


def test_who_has_come_together_is_no_more_of_the_groups(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob])
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    join(floor, caller, cast.bob, left_at=floor.now)
    with tenant_transaction(cast.acme.pk):
        legs = CallLeg.objects.filter(conference=caller.call.conference, party="contact")
        legs.update(joined_at=floor.now)
    floor.later(60)
    assert floor.tend(group)[:2] == ([], None)
    assert floor.fresh(caller).claimed_at is not None


# --- how callers go -------------------------------------------------------------------------------


def test_a_caller_who_hangs_up_rings_no_more_and_others_are_rung_for(
    floor: Floor, cast: Any, told: Any
) -> None:
    group = floor.group([cast.bob], strategy="in-order")
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    floor.later(1)
    next_one = floor.call(group)

    def hang_up() -> None:
        with tenant_transaction(cast.acme.pk):
            groups.leave(Caller.objects.get(pk=caller.pk), now=floor.now)

    assert told(hang_up) == [("ring", str(cast.bob.user_id))], "at once, whoever tends the group"
    assert floor.offers(caller) == [("Bob", "left")]
    assert floor.fresh(caller).left_at == floor.now
    floor.tend(group)
    assert floor.rings_at(next_one) == {"Bob"}


def test_a_call_that_is_over_rings_no_more_though_nobody_has_said_so(
    floor: Floor, cast: Any
) -> None:
    group = floor.group([cast.bob])
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=caller.call_id).update(ended_at=floor.now, status="completed")
    assert floor.tend(group)[:2] == ([], None)
    assert floor.offers(caller) == [("Bob", "left")]
    assert floor.fresh(caller).left_at == floor.now


def names_of(floor: Floor, caller: Caller) -> list[str]:
    with tenant_transaction(floor.tenant.pk):
        found = CallEvent.objects.filter(leg__conference__call=caller.call_id, kind="local")
        return list(found.order_by("sequence").values_list("name", flat=True))


def went(floor: Floor, caller: Caller) -> tuple[str, bool, int]:
    """(where, whether they are to be sent there, how often they were led on)"""
    row = floor.fresh(caller)
    is_led_on = row.led_on_at == row.left_at == floor.now
    return row.place, is_led_on, row.moves


def test_who_waits_in_vain_goes_on_at_once(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], nobody="outside:+14155550188")
    caller = floor.call(group)
    assert floor.tend(group).led_on == [caller.call_id]
    assert went(floor, caller) == ("outside:+14155550188", True, 1)
    assert names_of(floor, caller) == [missed.WAITING, missed.NOBODY_AVAILABLE]


def test_who_waits_too_long_goes_on(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], unanswered="later", unanswered_seconds=30)
    caller = floor.call(group)
    floor.later(29.9)
    assert floor.tend(group)[:2] == ([], floor.now + seconds(0.1))
    floor.later(0.1)
    assert floor.tend(group)[:2] == ([caller.call_id], None)
    assert went(floor, caller) == ("later", True, 1)
    assert names_of(floor, caller) == [missed.WAITING, missed.NOBODY_ANSWERED]


def test_who_comes_when_it_is_full_goes_on(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], most_waiting=1, full="later")
    first = floor.call(group)
    floor.later(1)
    second = floor.call(group)
    assert floor.tend(group).led_on == [second.call_id]
    assert floor.fresh(first).left_at is None
    assert names_of(floor, second) == [missed.WAITING, missed.TOO_MANY_WAITING]


@pytest.mark.parametrize("wish", Wish)
def test_who_asks_for_it_is_called_back_or_leaves_a_message(
    floor: Floor, cast: Any, wish: Wish
) -> None:
    with tenant_transaction(cast.acme.pk):
        box = VoicemailBox.objects.create(name="Office")
    group = floor.group([cast.bob], callback=True, box=box)
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    with tenant_transaction(cast.acme.pk):
        Caller.objects.filter(pk=caller.pk).update(wish=wish.value)
    assert floor.tend(group).led_on == [caller.call_id]
    assert floor.offers(caller) == [("Bob", "left")]
    place, event = {
        Wish.CALLBACK: ("", missed.CALLBACK_ASKED),
        Wish.MESSAGE: (f"voicemail:{box.pk.hex}", missed.TO_VOICEMAIL),
    }[wish]
    assert went(floor, caller) == (place, True, 1)
    assert floor.fresh(caller).wish == wish
    assert names_of(floor, caller) == [missed.WAITING, event]


def test_where_a_caller_goes_is_the_plan_as_it_is_now(floor: Floor, cast: Any) -> None:
    second = floor.group([cast.bob], name="Support")
    group = floor.group([], unanswered=place_of(second.pk))
    before, after = floor.call(group), floor.call(group)
    with tenant_transaction(cast.acme.pk):
        groups.leave(Caller.objects.get(pk=after.pk), now=floor.now)
    floor.tend(group)
    assert went(floor, before)[0] == place_of(second.pk)
    floor.enter(after, group)
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=second.pk).delete()
    floor.tend(group)
    assert went(floor, after)[0] == "later", "what it leads to is gone"


def test_a_plan_that_changes_holds_for_who_waits_already(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], unanswered_seconds=300)
    caller = floor.call(group)
    floor.later(30)
    assert floor.tend(group).led_on == []
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=group.pk).update(unanswered_seconds=20)
    assert floor.tend(group).led_on == [caller.call_id]


def test_who_waits_in_a_group_that_is_gone_is_asked_to_call_later(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob], unanswered="outside:+14155550188")
    floor.is_there(cast.bob)
    caller = floor.call(group)
    floor.tend(group)
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=group.pk).delete()
        assert groups.due(floor.now) == [group.pk], "the sweep finds them"
    assert floor.tend(group)[:2] == ([caller.call_id], None)
    assert went(floor, caller) == ("later", True, 1)
    assert floor.offers(caller) == [("Bob", "unavailable")]
    with tenant_transaction(cast.acme.pk):
        assert groups.due(floor.now) == []


def test_nobody_is_led_on_for_ever(floor: Floor, cast: Any) -> None:
    group = floor.group([])
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=group.pk).update(unanswered=place_of(group.pk))
    caller = floor.call(group)
    for move in range(1, 21):
        assert floor.tend(group).led_on == [caller.call_id]
        assert went(floor, caller)[::2] == (place_of(group.pk), move)
        floor.enter(caller, group)
    floor.tend(group)
    assert went(floor, caller) == ("later", True, 21)


def test_who_comes_into_another_group_begins_anew_but_for_how_long_they_wait(
    floor: Floor, cast: Any
) -> None:
    first, second = floor.group([cast.bob]), floor.group([cast.bob], name="Support")
    floor.is_there(cast.bob)
    caller = floor.call(first)
    began = floor.now
    floor.tend(first)
    offers.decline(cast.bob, caller.call_id, now=floor.now)
    floor.later(5)
    floor.enter(caller, second)
    row = floor.fresh(caller)
    assert (row.place, row.since, row.entered_at) == (place_of(second.pk), began, floor.now)
    floor.tend(second)
    assert floor.offers(caller) == [("Bob", "declined"), ("Bob", "")], "another group's ring"


def test_who_comes_by_a_clock_that_is_ahead_is_rung_once(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.bob])
    floor.is_there(cast.bob)
    caller = floor.call(group)
    earlier = floor.now - seconds(1)
    groups.tend(cast.acme.pk, group.pk, now=earlier)
    groups.tend(cast.acme.pk, group.pk, now=earlier)
    assert floor.offers(caller) == [("Bob", "")]


# --- which groups are tended ----------------------------------------------------------------------


def test_an_agents_news_concern_their_groups_with_callers_and_who_rings_at_them(
    floor: Floor, cast: Any, dora: Membership
) -> None:
    first = floor.group([cast.bob])
    floor.group([cast.bob], name="Nobody waits")
    third = floor.group([dora], name="Not theirs")
    floor.is_there(cast.bob)
    floor.call(first)
    floor.call(third)
    floor.tend(first)
    with tenant_transaction(cast.acme.pk):
        assert groups.of_agent(cast.bob.user_id) == [first.pk]
        GroupMember.objects.filter(user=cast.bob.user_id).delete()
        assert groups.of_agent(cast.bob.user_id) == [first.pk], "it rings at them still"


def test_the_sweep_finds_groups_that_nobody_has_in_mind(floor: Floor, cast: Any) -> None:
    waited_in, late, quiet = (floor.group([cast.bob], name=name) for name in "ABC")
    floor.call(waited_in)
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=late.pk).update(look_again_at=floor.now - seconds(1))
        Group.objects.filter(pk=quiet.pk).update(look_again_at=floor.now + seconds(1))
        assert set(groups.due(floor.now)) == {waited_in.pk, late.pk}
    floor.tend(late)
    with tenant_transaction(cast.acme.pk):
        assert groups.due(floor.now) == [waited_in.pk]
