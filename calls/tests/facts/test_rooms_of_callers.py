"""What the room of a call that came in needs: pure, in every state in which it can be."""

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts import states
from calls.facts.inbound import meeting
from calls.facts.inbound.missed import WAITING, fold_inbound
from calls.facts.rooms import (
    BRING_AGAIN,
    COME_BACK,
    CameIn,
    Room,
    Step,
    dismissed,
    is_ours,
    next_step,
    request_of,
)
from calls.facts.states import CALL, CONFERENCE, LOCAL, Event, LegState, fold_leg

T0 = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


OUTSIDE = LegState("in-progress", at(0))
INSIDE = replace(OUTSIDE, joined_at=at(10))
HUNG_UP = replace(OUTSIDE, status="completed", ended_at=at(30), duration=30)
COMING = LegState("ringing")
THERE = LegState("in-progress", at(8), joined_at=at(9))
GONE = replace(THERE, status="completed", left_at=at(9.5), ended_at=at(9.5), duration=1)
LOST = replace(THERE, left_at=at(15))

BOB = "bob"
TALK = CameIn(winner=[0], brought_at=at(9), is_in_line=False, is_recorded=True)


def step(
    caller: LegState, *agents: LegState, now: float = 12, end: bool = False, **came: Any
) -> Step | None:
    """With Bob as the winner, if agents are there, by all their legs."""
    known = CameIn(**{"winner": range(len(agents)) if agents else None, **came})
    return next_step(Room(caller, [(BOB, leg) for leg in agents], end, known), now=at(now))


def test_nothing_is_done_while_the_caller_waits() -> None:
    assert step(OUTSIDE) is None
    assert step(OUTSIDE, winner=[]) is None  # claimed, and the browser is on its way
    assert step(OUTSIDE, COMING) is None


def test_the_caller_is_brought_once_the_winner_is_there() -> None:
    assert step(OUTSIDE, THERE) is Step.BRING
    assert step(OUTSIDE, THERE, brought_at=at(11)) is None
    late = 11 + BRING_AGAIN.total_seconds()
    assert step(OUTSIDE, THERE, brought_at=at(11), now=late) is Step.BRING
    # By a second browser, while the first one is gone.
    assert step(OUTSIDE, GONE, THERE) is Step.BRING


def test_they_meet_and_then_all_is_as_with_a_contact() -> None:
    assert step(INSIDE, THERE) is Step.MEET
    assert step(INSIDE, THERE, is_in_line=False) is Step.MEET  # and not recorded yet
    talk = vars(TALK)
    assert step(INSIDE, THERE, **talk) is None
    assert step(INSIDE, THERE, end=True, **talk) is Step.CLOSE
    assert step(INSIDE, LOST, now=16, **talk) is Step.HOLD
    held = replace(INSIDE, on_hold=True)
    assert step(held, LOST, now=16, **talk) is None
    assert step(held, LOST, now=15 + COME_BACK.total_seconds(), **talk) is Step.CLOSE
    back = replace(THERE, joined_at=at(20))
    both = talk | {"winner": [0, 1]}
    assert step(held, LOST, back, now=20, **both) is Step.RESUME
    assert step(INSIDE, THERE, back, now=20, **both) is Step.RELIEVE


def test_a_winner_who_goes_before_they_have_met_gives_the_caller_back() -> None:
    assert step(OUTSIDE, GONE) is Step.GIVE_BACK
    assert step(OUTSIDE, GONE, brought_at=at(9)) is Step.GIVE_BACK
    assert step(INSIDE, GONE, brought_at=at(9)) is Step.GIVE_BACK  # who is alone in the room
    assert step(OUTSIDE, THERE, end=True) is Step.GIVE_BACK  # End call, while it connects
    assert step(OUTSIDE, winner=[], end=True) is Step.GIVE_BACK
    assert step(OUTSIDE, replace(COMING, status="failed")) is Step.GIVE_BACK


def test_the_caller_hangs_up() -> None:
    assert step(HUNG_UP) is Step.LET_GO
    assert step(HUNG_UP, is_in_line=False) is None
    for agent in (COMING, THERE):
        assert step(HUNG_UP, agent) is Step.LET_GO
        assert step(HUNG_UP, agent, is_in_line=False) is Step.CLOSE
    assert step(HUNG_UP, GONE, is_in_line=False) is None
    has_left = replace(INSIDE, left_at=at(11))
    assert step(has_left, THERE, is_in_line=False) is Step.CLOSE


def test_who_has_lost_the_claim_must_go() -> None:
    assert step(OUTSIDE, THERE, winner=None) is Step.DISMISS
    assert step(OUTSIDE, COMING, winner=None) is Step.DISMISS
    assert step(OUTSIDE, GONE, winner=None) is None
    assert step(OUTSIDE, THERE, THERE, winner=[1]) is Step.DISMISS
    assert step(INSIDE, THERE, THERE, **(vars(TALK) | {"winner": [1]})) is Step.DISMISS


_LEGS = [OUTSIDE, INSIDE, HUNG_UP, COMING, THERE, GONE, LOST, replace(INSIDE, on_hold=True)]
_ROOMS = st.builds(
    lambda caller, agents, won, end, brought, in_line, recorded: Room(
        caller,
        [(person, leg) for person, leg in agents],
        end,
        CameIn(
            None if won is None else [n for n in range(len(agents)) if n >= won],
            brought,
            in_line,
            recorded,
        ),
    ),
    st.sampled_from([OUTSIDE, INSIDE, HUNG_UP, *_LEGS[-1:], replace(INSIDE, left_at=at(14))]),
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(_LEGS[3:7])), max_size=3),
    st.sampled_from([None, 0, 1, 2, 3]),
    st.booleans(),
    st.sampled_from([None, at(9), at(14)]),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=3000)
@given(_ROOMS, st.integers(10, 60))
def test_no_caller_is_hung_up_on_who_has_met_nobody(room: Room, now: int) -> None:
    assert room.contact and room.came_in
    said = next_step(room, now=at(now))
    alone = all(leg.joined_at is None or leg.is_over for _, leg in room.agents)
    if not room.contact.is_over and room.contact.joined_at is None:
        assert said in (None, Step.BRING, Step.GIVE_BACK, Step.DISMISS)
        if alone:
            assert said is not Step.BRING
    if said in (Step.HOLD, Step.RESUME, Step.RELIEVE, Step.MEET):
        assert room.contact.is_present
    if said is Step.GIVE_BACK:
        assert room.came_in.winner is not None and not room.contact.is_over
    if said is Step.CLOSE:  # somebody is there who talks to nobody, or it was asked for
        living = any(not leg.is_over for _, leg in room.agents)
        assert living if room.contact.is_over else (room.end_asked or alone)
    if said is Step.LET_GO:
        assert room.contact.status in states.TERMINAL
    if said is Step.DISMISS:
        winner = room.came_in.winner or ()
        assert dismissed(room) and not {*dismissed(room)} & {*winner}


def event(name: str, seconds: float, kind: str = LOCAL, **more: object) -> Event:
    return Event(f"{kind}-{name}-{seconds}", kind, name, at(seconds), **more)  # type: ignore[arg-type] # as asked


WAY = [
    event("ringing", 0, CALL),
    event(WAITING, 1, sequence=1),
    event(meeting.BRINGING, 5, sequence=2),
    event("participant-join", 6, CONFERENCE, sequence=1),
    event(meeting.GIVEN_BACK, 6.5, sequence=3),
    event("participant-leave", 7, CONFERENCE, sequence=2),
    event("leg-ended", 7.5, states.ACTION),
    event(meeting.BRINGING, 20, sequence=4),
    event("participant-join", 21, CONFERENCE, sequence=1),
    event("participant-leave", 50, CONFERENCE, sequence=4),
    event("completed", 51, CALL, duration=51),
]


@given(st.randoms(use_true_random=False), st.integers(1, 2), st.integers(0, len(WAY) - 2))
def test_a_stay_in_which_a_caller_met_nobody_is_as_if_it_had_not_been(
    chance: object, copies: int, lost: int
) -> None:
    heard = (WAY[:-1] if lost in (4, 7, 8, 9) else [*WAY[:lost], *WAY[lost + 1 : -1]]) * copies
    chance.shuffle(heard)  # type: ignore[attr-defined] # a Random
    caller = fold_leg(meeting.since_given_back([*heard, WAY[-1]]))
    assert (caller.joined_at, caller.left_at) == (at(21), at(50))
    agents = [("ann", replace(GONE, joined_at=at(4), left_at=at(5.5)))]
    agents.append((BOB, replace(THERE, joined_at=at(19.5))))
    call = fold_inbound([*heard, WAY[-1]], caller, agents)
    assert call.taken_by == BOB
    assert (call.call.answered_at, call.call.duration) == (at(21), 30)
    if lost != 1:
        assert call.wait_seconds == 20


@pytest.mark.parametrize("length", range(1, len(WAY) + 1))
def test_the_stay_ends_with_its_being_given_back(length: int) -> None:
    for heard in itertools.islice(itertools.permutations(WAY[:length]), 500):
        caller = fold_leg(meeting.since_given_back(heard))
        assert caller.is_present == (length in (4, 9))
        assert caller.is_over == (length >= 10)


def test_what_was_asked_counts_until_it_is_known_not_to_be_done() -> None:
    asked = (meeting.BRINGING, meeting.NOT_BROUGHT)
    assert meeting.asked_at(WAY, *asked, at(0)) == at(20)
    assert meeting.asked_at(WAY[:5], *asked, at(6)) is None  # for who had it before
    undone = [*WAY, event(meeting.NOT_BROUGHT, 20.5, sequence=5)]
    assert meeting.asked_at(undone, *asked, at(0)) is None
    again = [*undone, event(meeting.BRINGING, 21, sequence=6)]
    assert meeting.asked_at(again, *asked, at(0)) == at(21)


def test_the_wish_of_a_call_that_came_in_is_none_of_a_browser() -> None:
    room_id = uuid.uuid4()
    assert is_ours(request_of(room_id)) and request_of(room_id) == request_of(room_id)
    assert request_of(room_id) != request_of(uuid.uuid4())
    assert not any(is_ours(each) for each in (room_id, uuid.uuid1(), uuid.uuid5(room_id, "a")))
