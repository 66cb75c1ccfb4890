"""The fold: any order, any repetition, ties and missing fields give the same, sensible state."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts import states
from calls.facts.rooms import Room, next_step, relieved
from calls.facts.states import CALL, CONFERENCE, LOCAL, Event, LegState, fold_call, fold_leg

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def call_event(name: str, seconds: float, sequence: int | None = None, **more: int) -> Event:
    return Event(f"{name}-{seconds}-{sequence}", CALL, name, at(seconds), sequence, **more)


ANSWERED = [
    call_event("initiated", 0, 0),
    call_event("ringing", 1, 1),
    call_event("in-progress", 6, 2),
    call_event("completed", 48, 3, duration=42, sip_code=200),
]

_NAMES = {
    CALL: [*states.STATUSES, "", "participant-join"],
    CONFERENCE: ["participant-join", "participant-leave", "conference-end", "completed", "other"],
    LOCAL: [*states.STATUSES, states.END_ASKED, states.SOUND_LOST],
    states.ACTION: ["leg-ended", "completed"],
}
_CHANCE = random.Random(2)
# Few times and sequences, so that ties are common. One draw each, as a thousand examples want it.
EVERY_EVENT = [
    Event(
        "".join(_CHANCE.choices("abcdef", k=_CHANCE.randint(2, 6))),
        kind,
        name,
        at(seconds),
        sequence,
        _CHANCE.choice([None, None, 0, 7, 100]),
        _CHANCE.choice([None, 200, 404, 486, 487, 603]),
        _CHANCE.choice([None, 21211]),
    )
    for kind, names in _NAMES.items()
    for name in names
    for seconds in range(4)
    for sequence in (None, 0, 1, 2, 3)
    for _ in range(5)
]
events = st.sampled_from(EVERY_EVENT)
sets_of_events = st.lists(events, max_size=8, unique_by=lambda event: event.key)


def test_every_order_of_a_whole_call_gives_the_same_row() -> None:
    for order in itertools.permutations(ANSWERED):
        leg = fold_leg(order)
        assert leg.status == "completed"
        assert leg.answered_at == at(6)
        assert leg.ended_at == at(48)
        assert leg.duration == 42


@settings(max_examples=2000)
@given(sets_of_events, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_never_matter(
    heard: list[Event], chance: random.Random, copies: int
) -> None:
    expected = fold_leg(heard)
    shuffled = heard * copies
    chance.shuffle(shuffled)
    assert fold_leg(shuffled) == expected


@given(sets_of_events)
def test_a_leg_that_seemed_never_made_is_what_is_heard_of_it_later(heard: list[Event]) -> None:
    never = Event("never", LOCAL, states.NEVER_MADE, at(2))
    alone, after = fold_leg([never]), fold_leg([*heard, never])
    assert (alone.status, alone.ended_at, alone.duration) == ("failed", at(2), 0)
    spoken_of = [
        event
        for event in heard
        if event.kind == CALL or (event.kind == CONFERENCE and "participant-" in event.name)
    ]
    if spoken_of:
        assert after == fold_leg(heard)
    else:
        assert after.status in states.TERMINAL


@settings(max_examples=1000)
@given(sets_of_events, events)
def test_more_news_never_turns_back_a_call(heard: list[Event], late: Event) -> None:
    late = replace(late, key="another")
    before, after = fold_leg(heard), fold_leg([*heard, late])
    assert states.RANK[after.status] >= states.RANK[before.status]
    if before.joined_at:
        assert after.joined_at is not None
    if before.is_over:
        assert after.is_over


@settings(max_examples=1000)
@given(sets_of_events)
def test_a_row_is_always_consistent(heard: list[Event]) -> None:
    leg = fold_leg(heard)
    over = leg.status in states.TERMINAL
    assert (leg.ended_at is not None) == over
    assert (leg.duration is not None) == over
    if over and leg.status != states.COMPLETED:
        assert leg.duration == 0
        assert leg.answered_at is None
    call = fold_call(leg)
    assert bool(call.outcome) == over
    assert call.status == leg.status


@pytest.mark.parametrize("lost", range(3))
def test_one_lost_callback_costs_nothing_that_the_others_tell(lost: int) -> None:
    leg = fold_leg(ANSWERED[:lost] + ANSWERED[lost + 1 :])
    assert leg.status == "completed"
    assert leg.duration == 42
    assert leg.answered_at == at(6), "the end and the length tell when it was answered"


@pytest.mark.parametrize(
    ("status", "sip_code", "outcome"),
    [
        ("busy", 486, "busy"),
        ("busy", 603, "declined"),
        ("failed", 603, "declined"),
        ("failed", 404, "failed"),
        ("no-answer", 487, "no-answer"),
        ("canceled", 487, "canceled"),
        ("completed", 200, "completed"),
        ("busy", None, "busy"),
    ],
)
def test_an_end_is_told_as_what_it_is(status: str, sip_code: int | None, outcome: str) -> None:
    ending = Event("end", CALL, status, at(9), 2, duration=0, sip_code=sip_code)
    assert fold_call(fold_leg([call_event("ringing", 1, 1), ending])).outcome == outcome


def test_ringing_is_not_talk() -> None:
    leg = fold_leg([call_event("ringing", 1, 1), call_event("no-answer", 31, 2)])
    assert (leg.duration, leg.answered_at) == (0, None)


def test_what_twilio_says_counts_before_what_we_concluded() -> None:
    ours = Event("ours", LOCAL, "failed", at(0))
    assert fold_leg([ours]).status == "failed"
    assert fold_leg([ours, ANSWERED[3]]).status == "completed"


def test_an_unknown_status_changes_nothing() -> None:
    known = fold_leg(ANSWERED[:2])
    assert fold_leg([*ANSWERED[:2], call_event("teleported", 3, 2)]) == known


def test_a_leg_is_present_between_join_and_leave() -> None:
    join = Event("j", CONFERENCE, "participant-join", at(2), 2)
    leave = Event("l", CONFERENCE, "participant-leave", at(5), 3)
    assert not fold_leg([]).is_present
    assert fold_leg([join]).is_present
    assert not fold_leg([leave, join]).is_present
    assert not fold_leg([join, call_event("completed", 5, 3)]).is_present


HERE = LegState(status="in-progress", joined_at=T0)
GONE = LegState(joined_at=T0, left_at=at(1))
RINGS = LegState(status="ringing")
HELD = replace(HERE, on_hold=True)


@pytest.mark.parametrize(
    ("contact", "agents", "asked", "later", "step"),
    [
        (None, [], False, 0, None),
        (None, [HERE], False, 0, None),
        (None, [GONE], False, 0, None),
        (HERE, [HERE], False, 0, None),
        (HERE, [HERE], True, 0, "close"),
        (HERE, [GONE], True, 0, "close"),
        (RINGS, [HERE], False, 0, None),
        (RINGS, [GONE], False, 0, "close"),
        (GONE, [HERE], False, 0, "close"),
        (GONE, [GONE], False, 0, None),
        (GONE, [], False, 0, None),
        (HERE, [GONE], False, 5, "hold"),
        (HELD, [GONE], False, 5, None),
        (HELD, [GONE], False, 22, "close"),
        (HERE, [GONE], False, 22, "close"),
        (HELD, [GONE, HERE], False, 5, "resume"),
        (HELD, [GONE, RINGS], False, 5, None),
        (HERE, [GONE, HERE], False, 5, None),
        (HERE, [HERE, HERE], False, 5, "relieve"),
        (HERE, [HERE, RINGS], False, 5, None),
    ],
)
def test_a_room_gets_what_its_people_need(
    contact: LegState | None,
    agents: list[LegState],
    asked: bool,
    later: float,
    step: str | None,
) -> None:
    room = Room(contact, [("bob", leg) for leg in agents], asked)
    assert next_step(room, now=at(1 + later)) == step


def test_somebody_elses_leg_relieves_nobody() -> None:
    assert relieved([("bob", HERE), ("alice", HERE)]) == []
    assert relieved([("bob", HERE), ("alice", HERE), ("bob", HERE)]) == [0]


def test_holding_is_what_was_heard_last() -> None:
    hold = Event("h", CONFERENCE, "participant-hold", at(2), 3)
    unhold = Event("u", CONFERENCE, "participant-unhold", at(2), 4)
    assert fold_leg([hold]).on_hold
    assert not fold_leg([unhold, hold]).on_hold
    assert not fold_leg([hold, Event("l", CONFERENCE, "participant-leave", at(3), 5)]).on_hold


@pytest.mark.parametrize("status", sorted(states.TERMINAL))
def test_a_status_ends_in_one_of_its_outcomes(status: str) -> None:
    found = {states.outcome(status, code) for code in (None, 200, 486, 603)}
    assert found == set(states.outcomes(status))
