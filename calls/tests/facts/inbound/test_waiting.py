"""Waiting callers: whatever the plan and whoever is there, each ends, and nobody rings in vain."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts.inbound.plans import LATER, Go, Group, Overflow, Strategy, Target
from calls.facts.inbound.queues import (
    Agent,
    Availability,
    Caller,
    Claim,
    End,
    Presence,
    Queue,
    Rules,
    Verdict,
    Wish,
    claim,
    wishes,
)
from calls.facts.inbound.steps import (
    Action,
    EndOffer,
    GiveBack,
    Knock,
    MoveOn,
    Ring,
    SayPlace,
    SetAway,
    Why,
)
from calls.facts.inbound.waiting import ELSEWHERE, Decision, decide
from calls.tests.facts.inbound.office import T0, Office
from calls.tests.facts.inbound.some_plans import any_plan

PEOPLE = ("a", "b", "c", "d")
ENDS = {"person", "voicemail", "outside", "callback", "later", "gave up"}
BOX, OUTSIDE = Target(Go.VOICEMAIL, "office"), Target(Go.OUTSIDE, "+14155550100")


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(0, 2**32), st.booleans())
def test_every_caller_ends_whatever_the_plan_and_whoever_is_there(
    number: int, seed: int, is_straight: bool
) -> None:
    plan = any_plan(number, PEOPLE)
    if is_straight and plan.groups:
        plan = replace(plan, when_open=Target(Go.GROUP, plan.groups[0].id))
    office = Office(plan, seed, calls=4, people=PEOPLE)
    office.run()
    assert len(office.lines) == 4
    for line in office.lines.values():
        assert line.end in ENDS
        assert not any(line.caller.open_offers())
        assert (line.end == "person") <= bool(line.winners)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def agent(name: str, idle: float = 0, **more: Any) -> Agent:
    """Available, with a page that has just answered, and idle for so many seconds."""
    known: dict[str, Any] = {"availability": Availability.AVAILABLE, "seen_at": T0} | more
    return Agent(name, idle_since=later(-idle), **known)


def caller(name: str = "x", since: float = 0, **more: Any) -> Caller:
    return Caller(name, later(since), later(since), **more)


def queue(*callers: Caller, agents: str | list[Agent] = "abc", **more: Any) -> Queue:
    """Callers in a group of a, b and c, whose offers are a step of 20 seconds long."""
    flow = Overflow(BOX, unanswered_seconds=60)
    known: dict[str, Any] = {"overflow": flow, "says_place": False} | more
    group = Group("sales", "Sales", ("a", "b", "c"), **known)
    people = [agent(name) for name in agents] if isinstance(agents, str) else agents
    return Queue(group, callers, tuple(people))


def awake(found: Queue, at: datetime) -> Queue:
    """With a page of everyone that has answered since."""
    return replace(found, agents=tuple(replace(each, seen_at=at) for each in found.agents))


def confirmed(decision: Decision, at: datetime = T0) -> Queue:
    """All that ring have been confirmed by their pages."""
    found = decision.queue
    for each in found.agents:
        found = replace(found, callers=tuple(c.confirmed(each.id, at) for c in found.callers))
    return awake(found, at)


def rung(decision: Decision) -> list[str]:
    return [action.agent for action in decision.actions if isinstance(action, Ring)]


def rounds(found: Queue, steps: int, seconds: float = 20) -> list[list[str]]:
    """Who is rung in each step, when all confirm and nobody answers."""
    told = []
    for number in range(steps):
        decision = decide(awake(found, later(number * seconds)), later(number * seconds))
        told.append(rung(decision))
        found = confirmed(decision, later(number * seconds))
        found = replace(
            found, agents=tuple(replace(each, missed_in_a_row=0) for each in found.agents)
        )
    return told


def test_everyone_rings_at_once() -> None:
    assert rounds(queue(caller()), 2) == [["a", "b", "c"], ["a", "b", "c"]]


def test_whoever_has_been_idle_longest_rings_first_and_the_others_in_turn() -> None:
    people = [agent("a", 10), agent("b", 300), agent("c", 60)]
    found = queue(caller(), agents=people, strategy=Strategy.LONGEST_IDLE)
    assert rounds(found, 2) == [["b"], ["c"]]
    patient = replace(found, group=replace(found.group, overflow=Overflow(BOX, 900)))
    assert rounds(patient, 5) == [["b"], ["c"], ["a"], ["b"], ["c"]]


def test_in_order_is_the_order_of_the_list() -> None:
    found = queue(caller(), agents="cba", strategy=Strategy.IN_ORDER)
    assert rounds(found, 3) == [["a"], ["b"], ["c"]]


def test_the_contact_s_owner_rings_alone_for_a_step_then_everyone() -> None:
    found = queue(caller(owner="b"), strategy=Strategy.OWNER_FIRST)
    assert rounds(found, 2) == [["b"], ["a", "b", "c"]]


@pytest.mark.parametrize("owner", ["", "z"])
def test_without_an_owner_in_the_group_everyone_rings(owner: str) -> None:
    found = queue(caller(owner=owner), strategy=Strategy.OWNER_FIRST)
    assert rounds(found, 1) == [["a", "b", "c"]]


def test_an_owner_who_is_in_a_call_keeps_nobody_waiting() -> None:
    people = [agent("a"), agent("b", in_call=True), agent("c")]
    found = queue(caller(owner="b"), agents=people, strategy=Strategy.OWNER_FIRST)
    assert rounds(found, 1) == [["a", "c"]]


def test_an_owner_who_declines_is_not_asked_again_and_everyone_else_is_at_once() -> None:
    found = confirmed(decide(queue(caller(owner="b"), strategy=Strategy.OWNER_FIRST), T0))
    declined = found.caller("x").ended("b", End.DECLINED, later(3))
    assert rung(decide(replace(found, callers=(declined,)), later(3))) == ["a", "c"]


@pytest.mark.parametrize(
    "other",
    [
        {"availability": Availability.AWAY},
        {"availability": Availability.DO_NOT_DISTURB},
        {"is_active": False},
        {"in_call": True},
        {"wrap_up_until": later(30)},
        {"seen_at": None},
        {"seen_at": later(-45)},
        {"asleep_at": T0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_who_cannot_take_a_call_is_not_rung(other: dict[str, Any]) -> None:
    found = queue(caller(), agents=[agent("a"), agent("b", **other)])
    assert rung(decide(found, T0)) == ["a"]
    ringing = confirmed(decide(queue(caller(), agents="ab"), T0))
    changed = replace(ringing, agents=(agent("a"), agent("b", **other)))
    assert decide(changed, later(0.5)).actions == (EndOffer("x", "b", End.UNAVAILABLE),)


def test_who_is_no_member_of_the_group_is_not_rung() -> None:
    assert rung(decide(queue(caller(), agents="az"), T0)) == ["a"]
    ringing = confirmed(decide(queue(caller(), agents="ab"), T0))
    removed = replace(ringing, group=replace(ringing.group, members=("a",)))
    assert decide(removed, later(1)).actions == (EndOffer("x", "b", End.UNAVAILABLE),)


def test_the_first_confirmation_counts() -> None:
    ringing = decide(queue(caller(), agents="a"), T0).queue.caller("x")
    twice = ringing.confirmed("a", later(1)).confirmed("a", later(1.5))
    assert twice.offers[0].confirmed_at == later(1)
    assert ringing.confirmed("b", later(1)) == ringing, "not offered"


def test_an_own_phone_rings_without_a_page_and_is_given_longer_to_say_so() -> None:
    found = queue(caller(), agents=[agent("a", seen_at=None, phone=True)])
    decision = decide(found, T0)
    assert rung(decision) == ["a"]
    assert decision.look_again == later(10)
    silent = decide(decision.queue, later(10))
    assert silent.actions == (EndOffer("x", "a", End.UNCONFIRMED),)
    assert rung(decide(silent.queue, later(50))) == [], "it is left alone for two minutes"
    patient = replace(silent.queue, group=replace(found.group, overflow=Overflow(BOX, 900)))
    again = decide(patient, later(50))
    assert again.look_again == later(130)
    assert rung(decide(again.queue, later(130))) == ["a"]


def test_a_phone_that_does_not_ring_for_a_whole_step_has_missed_nothing() -> None:
    people = [agent("a", seen_at=None, phone=True)]
    found = decide(queue(caller(), agents=people, step_seconds=5), T0)
    assert found.look_again == later(5)
    assert decide(found.queue, later(5)).actions == (EndOffer("x", "a", End.UNCONFIRMED),)


def test_an_offer_that_no_page_confirms_does_not_count_and_the_next_rings_at_once() -> None:
    found = queue(caller(), strategy=Strategy.IN_ORDER)
    decision = decide(found, T0)
    assert decision.look_again == later(2)
    asleep = decide(decision.queue, later(2))
    assert asleep.actions == (EndOffer("x", "a", End.UNCONFIRMED), Ring("x", "b"))
    first = asleep.queue.agent("a")
    assert first is not None and first.missed_in_a_row == 0, "it is no miss"
    assert first.presence(Rules(), later(3)) == Presence.OFFLINE
    assert rung(decide(awake(asleep.queue, later(4)), later(24))) == ["c"], "others come first"


def test_who_was_asleep_is_rung_again_only_after_a_sign_of_life_and_a_step() -> None:
    asleep = decide(decide(queue(caller(), agents="a"), T0).queue, later(2))
    assert rung(decide(asleep.queue, later(30))) == []
    alive = awake(asleep.queue, later(5))
    resting = decide(alive, later(5))
    assert rung(resting) == [] and resting.look_again == later(22)
    assert rung(decide(resting.queue, later(22))) == ["a"]


def test_who_declines_is_not_asked_again_and_the_others_ring_on() -> None:
    found = confirmed(decide(queue(caller()), T0))
    declined = replace(found, callers=(found.caller("x").ended("a", End.DECLINED, later(2)),))
    assert decide(declined, later(2)).actions == ()
    assert rung(decide(awake(declined, later(20)), later(20))) == ["b", "c"]


def test_when_all_have_declined_there_is_nobody_left() -> None:
    found = confirmed(decide(queue(caller(), overflow=Overflow(BOX, 60, nobody=OUTSIDE)), T0))
    x = found.caller("x")
    for name in "abc":
        x = x.ended(name, End.DECLINED, later(2))
    moved = decide(replace(found, callers=(x,)), later(2)).actions
    assert moved == (MoveOn("x", OUTSIDE, Why.NOBODY),)


def test_two_missed_in_a_row_set_an_agent_to_away() -> None:
    found = confirmed(decide(queue(caller(), agents="a"), T0))
    first = decide(found, later(20))
    assert first.actions == (EndOffer("x", "a", End.MISSED), Ring("x", "a"))
    second = decide(confirmed(first, later(20)), later(40))
    assert second.actions == (EndOffer("x", "a", End.MISSED), SetAway("a"))
    away = second.queue.agent("a")
    assert away is not None and away.missed_in_a_row == 0, "until they choose again"
    assert away.presence(Rules(), later(41)) == Presence.AWAY


def test_the_number_of_misses_is_a_setting() -> None:
    found = replace(queue(caller(), agents="a"), rules=Rules(most_missed=1))
    assert SetAway("a") in decide(confirmed(decide(found, T0)), later(20)).actions


def test_what_was_chosen_by_hand_is_not_made_away() -> None:
    busy = agent("a", availability=Availability.DO_NOT_DISTURB, missed_in_a_row=7)
    assert decide(queue(caller(), agents=[busy]), T0).actions == ()


def test_with_nobody_available_the_overflow_takes_over_at_once() -> None:
    flow = Overflow(BOX, 60, nobody=OUTSIDE)
    away = [agent("a", availability=Availability.AWAY), agent("b", seen_at=None)]
    moved = decide(queue(caller(), agents=away, overflow=flow), T0).actions
    assert moved == (MoveOn("x", OUTSIDE, Why.NOBODY),)
    talking = [agent("a", in_call=True, seen_at=None)]  # by their own phone, it may be
    assert decide(queue(caller(), agents=talking, overflow=flow), T0).actions == (), "wait"
    wait = decide(queue(caller(), agents=away), T0)
    assert wait.actions == () and wait.look_again == later(45), "the plan has nowhere to go"


def test_a_page_that_answers_no_more_is_noticed_though_nothing_happens() -> None:
    flow = Overflow(BOX, 90, nobody=OUTSIDE)
    found = queue(caller(), agents=[agent("a", in_call=False)], overflow=flow, step_seconds=60)
    ringing = decide(found, T0).queue
    x = ringing.caller("x").confirmed("a", later(1))
    decision = decide(replace(ringing, callers=(x,)), later(1))
    assert decision.look_again == later(45)
    assert decide(decision.queue, later(45)).actions == (
        EndOffer("x", "a", End.UNAVAILABLE),
        MoveOn("x", OUTSIDE, Why.NOBODY),
    )


def test_who_has_no_page_is_knocked_and_waited_for_a_moment_but_no_longer() -> None:
    flow = Overflow(BOX, 60, nobody=OUTSIDE)
    gone = agent("a", seen_at=None, push=True)
    decision = decide(queue(caller(), agents=[gone], overflow=flow), T0)
    assert (decision.actions, decision.look_again) == ((Knock("x", "a"),), later(20))
    assert decide(decision.queue, later(19.9)).actions == ()
    assert decide(decision.queue, later(20)).actions == (MoveOn("x", OUTSIDE, Why.NOBODY),)
    # Who opens a page is rung there, be it that it takes them long.
    assert rung(decide(awake(decision.queue, later(9)), later(9))) == ["a"]
    ringing = confirmed(decide(awake(decision.queue, later(19)), later(19)), later(19))
    assert decide(ringing, later(25)).actions == ()


@pytest.mark.parametrize("strategy", Strategy)
def test_whoever_has_no_page_is_knocked_at_once_while_others_ring(strategy: Strategy) -> None:
    people = [agent("a"), agent("b", seen_at=None, push=True), agent("c", seen_at=None)]
    decision = decide(queue(caller(), agents=people, strategy=strategy), T0)
    assert decision.actions == (Ring("x", "a"), Knock("x", "b"))


@pytest.mark.parametrize(
    "more",
    [
        {"push": False},
        {"seen_at": T0},
        {"phone": True},
        {"in_call": True},
        {"wrap_up_until": later(5)},
        {"is_active": False},
        {"availability": Availability.AWAY},
        {"availability": Availability.DO_NOT_DISTURB},
    ],
)
def test_who_does_not_want_or_need_it_is_not_knocked(more: dict[str, Any]) -> None:
    known: dict[str, Any] = {"seen_at": None, "push": True} | more
    decision = decide(queue(caller(), agents=[agent("a", **known)]), T0)
    assert not any(isinstance(action, Knock) for action in decision.actions)


def test_a_page_that_did_not_answer_is_as_none_and_its_agent_is_knocked() -> None:
    ringing = decide(queue(caller(), agents=[agent("a", push=True)]), T0)
    assert ringing.actions == (Ring("x", "a"),)
    ends = EndOffer("x", "a", End.UNCONFIRMED)
    assert decide(ringing.queue, later(2)).actions == (ends, Knock("x", "a"))


def test_an_agent_is_knocked_once_for_all_who_wait_and_not_too_often() -> None:
    gone = agent("a", seen_at=None, push=True)
    first = decide(queue(caller("x"), caller("y"), agents=[gone]), T0)
    assert first.actions == (Knock("x", "a"),)
    more = replace(first.queue, callers=(*first.queue.callers, caller("z", since=5)))
    second = decide(more, later(5))
    assert (second.actions, second.look_again) == ((), later(20))
    assert decide(second.queue, later(20)).actions == (Knock("z", "a"),)
    # Who was waited for is not waited for longer because another came.
    flow = Overflow(BOX, 60, nobody=OUTSIDE)
    due = replace(more, group=replace(more.group, overflow=flow))
    assert decide(due, later(20)).actions == (
        MoveOn("x", OUTSIDE, Why.NOBODY),
        MoveOn("y", OUTSIDE, Why.NOBODY),
        Knock("z", "a"),
    )


def test_who_has_declined_is_not_knocked_for_the_same_caller() -> None:
    declined = decide(queue(caller(), agents=[agent("a", push=True)]), T0).queue
    x = declined.caller("x").ended("a", End.DECLINED, later(1))
    gone = agent("a", seen_at=None, push=True)
    flow = Overflow(BOX, 60, nobody=OUTSIDE)
    found = queue(x, agents=[gone], overflow=flow)
    assert decide(found, later(1)).actions == (MoveOn("x", OUTSIDE, Why.NOBODY),)


def test_who_has_wrapped_up_is_rung_though_nothing_happens() -> None:
    decision = decide(queue(caller(), agents=[agent("a", wrap_up_until=later(12))]), T0)
    assert (decision.actions, decision.look_again) == ((), later(12))
    assert rung(decide(decision.queue, later(12))) == ["a"]


def test_a_group_without_members_is_left_at_once() -> None:
    group = Group("sales", "Sales", (), Overflow(BOX))
    moved = decide(Queue(group, (caller(),)), T0).actions
    assert moved == (MoveOn("x", BOX, Why.NOBODY),)
    lost = replace(group, overflow=Overflow(None))
    assert decide(Queue(lost, (caller(),)), T0).actions == (MoveOn("x", LATER, Why.NOBODY),)


def test_unanswered_for_so_long_is_so_long() -> None:
    found = confirmed(decide(queue(caller()), T0))
    assert decide(awake(found, later(19)), later(19)).look_again == later(20)
    patient = awake(found, later(59))
    assert not any(isinstance(a, MoveOn) for a in decide(patient, later(59.9)).actions)
    actions = decide(patient, later(60)).actions
    assert MoveOn("x", BOX, Why.UNANSWERED) in actions
    assert not any(isinstance(action, Ring) for action in actions)


def test_every_ring_ends_when_its_caller_goes() -> None:
    found = confirmed(decide(queue(caller(), step_seconds=70), T0))
    actions = decide(awake(found, later(60)), later(60)).actions
    assert actions == (
        MoveOn("x", BOX, Why.UNANSWERED),
        *(EndOffer("x", name, End.LEFT) for name in "abc"),
    )
    gone = replace(found, callers=(replace(found.caller("x"), has_left=True),))
    decision = decide(gone, later(3))
    assert decision.actions == tuple(EndOffer("x", name, End.LEFT) for name in "abc")
    assert decision.look_again is None


def test_too_many_waiting_are_those_who_came_before() -> None:
    flow = Overflow(BOX, 60, most_waiting=2, full=LATER)
    talking = [agent("a", in_call=True)]
    three = [caller("x", 0), caller("y", 1), caller("z", 2)]
    found = queue(*three, agents=talking, overflow=flow)
    assert decide(found, later(2)).actions == (MoveOn("z", LATER, Why.FULL),)
    claimed = replace(three[0], claim=Claim("a", T0))
    found = queue(claimed, *three[1:], agents=talking, overflow=flow)
    assert MoveOn("z", LATER, Why.FULL) in decide(found, later(2)).actions, "may come back"
    gone = replace(three[0], has_left=True)
    assert decide(queue(gone, *three[1:], agents=talking, overflow=flow), later(2)).actions == ()


def test_who_makes_room_at_that_moment_makes_room() -> None:
    flow = Overflow(BOX, 60, most_waiting=2, full=LATER)
    three = [caller("x", 0), caller("y", 50), caller("z", 60)]
    actions = decide(
        queue(*three, agents=[agent("a", in_call=True)], overflow=flow), later(60)
    ).actions
    assert actions == (MoveOn("x", BOX, Why.UNANSWERED),)


def test_a_wish_is_granted_when_the_group_has_it() -> None:
    wish = caller(wish=Wish.CALLBACK)
    assert decide(queue(wish, callback=True), T0).actions == (MoveOn("x", None, Why.WISH),)
    message = decide(queue(caller(wish=Wish.MESSAGE), box="b1"), T0).actions
    assert message == (MoveOn("x", Target(Go.VOICEMAIL, "b1"), Why.WISH),)
    assert rung(decide(queue(wish), T0)) == ["a", "b", "c"], "nothing to be pressed here"


def test_only_a_caller_with_a_number_may_ask_to_be_called_back() -> None:
    group = queue(callback=True, box="b1").group
    assert wishes(group, may_be_called=True) == {"1": Wish.CALLBACK, "2": Wish.MESSAGE}
    assert wishes(group, may_be_called=False) == {"2": Wish.MESSAGE}
    assert wishes(queue().group, may_be_called=True) == {}


def won(found: Queue, who: str, at: float, of: str = "x") -> Queue:
    person = found.agent(who)
    assert person is not None
    result = claim(found.caller(of), person, later(at))
    assert result.verdict == Verdict.WON
    callers = tuple(result.caller if c.id == of else c for c in found.callers)
    agents = tuple(replace(a, in_call=a.in_call or a.id == who) for a in found.agents)
    return replace(found, callers=callers, agents=agents)


def test_one_answers_and_every_other_ring_ends_with_their_name() -> None:
    found = won(confirmed(decide(queue(caller()), T0)), "b", 5)
    decision = decide(found, later(5))
    assert decision.actions == (
        EndOffer("x", "a", End.ANSWERED, "b"),
        EndOffer("x", "c", End.ANSWERED, "b"),
    )
    assert decision.look_again == later(13)


def test_a_claim_has_one_winner() -> None:
    found = confirmed(decide(queue(caller()), T0))
    after = won(found, "b", 5).caller("x")
    again = claim(after, agent("b", in_call=True), later(6))
    assert (again.verdict, again.caller) == (Verdict.WON, after), "a second tab"
    late = claim(after, agent("a"), later(5))
    assert (late.verdict, late.by, late.caller) == (Verdict.TOO_LATE, "b", after)
    gone = claim(replace(found.caller("x"), has_left=True), agent("a"), later(5))
    assert (gone.verdict, gone.by) == (Verdict.TOO_LATE, "")


def test_who_is_not_offered_a_caller_cannot_claim_them() -> None:
    found = confirmed(decide(queue(caller()), T0)).caller("x")
    for who in (agent("z"), agent("a", in_call=True), agent("a", is_active=False)):
        assert claim(found, who, later(3)).verdict == Verdict.NOT_OFFERED
    declined = found.ended("a", End.DECLINED, later(2))
    assert claim(declined, agent("a"), later(3)).verdict == Verdict.NOT_OFFERED


def test_a_winner_who_does_not_come_gives_the_caller_back_first_in_line() -> None:
    x, y = caller("x", 0), caller("y", -30)
    people = [agent("a"), agent("b", in_call=True)]
    found = queue(x, y, agents=people, strategy=Strategy.IN_ORDER, says_place=False)
    found = replace(found, callers=(replace(x, claim=Claim("b", T0)), y))
    decision = decide(awake(found, later(8)), later(8))
    assert decision.actions[0] == GiveBack("x", "b")
    assert [each.id for each in decision.queue.in_line()] == ["x", "y"]
    assert rung(decision) == ["a"] and decision.actions[1] == Ring("x", "a")
    crashed = decision.queue.agent("b")
    assert crashed is not None and not crashed.in_call
    assert not crashed.takes_calls(Rules(), later(9)), "until a page of theirs is seen again"


def test_who_was_given_back_late_is_rung_for_another_step_but_not_for_ever() -> None:
    found = queue(caller(), agents="ab", step_seconds=30)
    claimed = replace(found, callers=(replace(found.caller("x"), claim=Claim("b", later(55))),))
    back = decide(awake(claimed, later(63)), later(63))
    assert back.actions == (GiveBack("x", "b"), Ring("x", "a"))
    ringing = confirmed(back, later(64))
    assert not any(isinstance(a, MoveOn) for a in decide(ringing, later(89)).actions)
    assert MoveOn("x", BOX, Why.UNANSWERED) in decide(ringing, later(90)).actions


def test_the_oldest_caller_has_the_first_choice() -> None:
    callers = [caller("y", 5), caller("x", 0), caller("z", 9)]
    found = queue(*callers, agents="ab", strategy=Strategy.IN_ORDER)
    rings = [action for action in decide(found, later(9)).actions if isinstance(action, Ring)]
    assert rings == [Ring("x", "a"), Ring("y", "b")], "and z waits until one is free"


def test_several_callers_ring_everyone_and_who_answers_one_is_rung_for_no_other() -> None:
    found = confirmed(decide(queue(caller("x"), caller("y", 1)), later(1)), later(1))
    assert sum(1 for each in found.callers for _ in each.open_offers()) == 6
    decision = decide(won(found, "a", 3), later(3))
    assert EndOffer("y", "a", End.UNAVAILABLE) in decision.actions
    assert {o.agent for o in decision.queue.caller("y").open_offers()} == {"b", "c"}


def test_who_rings_for_another_group_is_left_to_it_for_a_while() -> None:
    people = [agent("a", rings_elsewhere=True)]
    decision = decide(queue(caller(), agents=people, strategy=Strategy.IN_ORDER), T0)
    assert rung(decision) == [] and decision.look_again == T0 + ELSEWHERE
    assert rung(decide(queue(caller(), agents=people), T0)) == ["a"], "several may ring at once"


def test_the_place_in_line_is_said_when_it_changes_and_not_too_often() -> None:
    talking = [agent("a", in_call=True)]
    two = [caller("x", 0), caller("y", 1)]
    decision = decide(queue(*two, agents=talking, says_place=True), later(1))
    assert decision.actions == (SayPlace("x", 1), SayPlace("y", 2))
    left = replace(decision.queue.caller("x"), has_left=True)
    found = replace(decision.queue, callers=(left, decision.queue.caller("y")))
    soon = decide(found, later(10))
    assert soon.actions == () and soon.look_again == later(45), "the page"
    assert decide(awake(found, later(46)), later(46)).actions == (SayPlace("y", 1),)
    assert found.place_of("y") == 1 and found.place_of("x") is None


def test_a_caller_comes_into_the_next_group_as_old_as_they_are() -> None:
    found = confirmed(decide(queue(caller(owner="b")), T0)).caller("x")
    assert found.entering(later(60)) == Caller("x", T0, later(60), "b")


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        (agent("a"), Presence.AVAILABLE),
        (agent("a", availability=Availability.AWAY), Presence.AWAY),
        (agent("a", availability=Availability.AWAY, in_call=True), Presence.IN_A_CALL),
        (agent("a", wrap_up_until=later(5)), Presence.WRAPPING_UP),
        (agent("a", wrap_up_until=T0), Presence.AVAILABLE),
        (agent("a", seen_at=None), Presence.OFFLINE),
        (agent("a", seen_at=None, push=True), Presence.OFFLINE),
        (agent("a", seen_at=None, phone=True), Presence.AVAILABLE),
        (agent("a", availability=Availability.DO_NOT_DISTURB), Presence.DO_NOT_DISTURB),
        (agent("a", is_active=False, in_call=True), Presence.OFFLINE),
    ],
)
def test_what_is_shown_beside_a_name(who: Agent, shown: Presence) -> None:
    assert who.presence(Rules(), T0) == shown


def test_nobody_waits_and_there_is_nothing_to_look_at() -> None:
    actions: tuple[Action, ...] = ()
    assert decide(queue(), T0) == Decision(actions, None, queue())
