"""Calls that come in, folded: any order gives the same answer to who, how long and why not."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts import states
from calls.facts.inbound import missed, steps
from calls.facts.inbound.missed import Missed, fold_inbound
from calls.facts.states import CALL, CONFERENCE, LOCAL, Event, LegState, fold_leg

T0 = datetime(2026, 12, 7, 10, 0, tzinfo=UTC)
NAMES = sorted(
    value for key, value in vars(missed).items() if key.isupper() and isinstance(value, str)
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def went(*stages: tuple[str, float]) -> list[Event]:
    """What happened to a caller, each with its second."""
    return [
        Event(f"s{number}", LOCAL, name, at(second), number)
        for number, (name, second) in enumerate(stages)
    ]


def ended(second: float, status: str = "completed") -> Event:
    """As Twilio tells it: the time from its answer on, which was the greeting's first word."""
    return Event("end", CALL, status, at(second), 3, duration=int(second))


ANSWERED = Event("answer", CALL, "in-progress", at(0), 2)
JOINED = Event("join", CONFERENCE, "participant-join", at(30), 7)
WAY = went(("greeted", 0), ("waiting", 5))


def folded(events: list[Event], agents: Sequence[tuple[str, LegState]] = ()) -> missed.InboundState:
    return fold_inbound(events, fold_leg(events), agents)


def agent(joined: float, left: float | None = None) -> LegState:
    return LegState(joined_at=at(joined), left_at=None if left is None else at(left))


EVENTS = [
    Event(f"{kind}{name}{second}{sequence}", kind, name, at(second), sequence, duration)
    for kind, names in {
        LOCAL: [*NAMES, "failed", states.NEVER_MADE, states.END_ASKED],
        CALL: [*states.STATUSES, ""],
        CONFERENCE: ["participant-join", "participant-leave", "conference-end"],
    }.items()
    for name in names
    for second in range(3)
    for sequence in (None, 0, 1, 2)
    for duration in (None, 7)
]
sets_of_events = st.lists(st.sampled_from(EVENTS), max_size=9, unique_by=lambda each: each.key)


@settings(max_examples=200)
@given(sets_of_events, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_never_matter(
    heard: list[Event], chance: random.Random, copies: int
) -> None:
    shuffled = heard * copies
    chance.shuffle(shuffled)
    assert folded(shuffled) == folded(heard)


@settings(max_examples=200)
@given(sets_of_events, st.sampled_from(EVENTS))
def test_a_row_is_consistent_and_more_news_never_turns_it_back(
    heard: list[Event], late: Event
) -> None:
    found, after = folded(heard), folded([*heard, late])
    call = found.call
    over = call.status in states.TERMINAL
    assert bool(call.outcome) == over == (call.ended_at is not None)
    assert (call.duration is not None) == over
    if over and call.status != states.COMPLETED:
        assert (call.duration, call.answered_at) == (0, None)
    assert found.missed is None or (over and call.status != states.COMPLETED)
    assert found.wait_seconds is None or found.wait_seconds >= 0
    # What we took for never made is what the network says once it speaks of it.
    if not any(each.name == states.NEVER_MADE for each in heard):
        assert states.RANK[after.call.status] >= states.RANK[call.status]
    if over and call.status == states.COMPLETED:
        assert after.missed is None, "who was taken was not missed"


def test_a_caller_who_waits_is_ringing_whatever_twilio_says() -> None:
    found = folded([ANSWERED, *WAY])
    assert (found.call.status, found.call.answered_at) == ("ringing", None)
    assert (found.wait_seconds, found.missed) == (None, None)


def test_talk_begins_when_the_caller_is_brought_to_an_agent() -> None:
    talking = folded([ANSWERED, *WAY, JOINED], [("bob", agent(29))])
    assert (talking.call.status, talking.call.answered_at) == ("in-progress", at(30))
    assert (talking.taken_by, talking.wait_seconds) == ("bob", 25)
    over = folded([ANSWERED, *WAY, JOINED, ended(90)], [("bob", agent(29, 91))])
    assert over.call == states.CallState("completed", at(30), at(90), 60, "completed")
    assert (over.taken_by, over.wait_seconds, over.missed) == ("bob", 25, None)


def test_the_call_is_theirs_who_talked_last() -> None:
    events = [ANSWERED, *WAY, JOINED]
    assert folded(events, [("bob", agent(29, 60)), ("eve", agent(59))]).taken_by == "eve"
    lost = [("bob", agent(20, 25)), ("eve", agent(29))]
    assert folded(events, lost).taken_by == "eve", "bob was gone before the caller came"
    assert folded([ANSWERED, *WAY], [("bob", agent(20))]).taken_by is None


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ([("closed", 0)], Missed.CLOSED),
        ([("closed", 0), ("to-voicemail", 4)], Missed.CLOSED),
        ([("closed", 0), ("to-voicemail", 4), ("message-left", 30)], Missed.VOICEMAIL),
        ([("greeted", 0)], Missed.GREETED),
        ([], Missed.GREETED),
        ([("greeted", 0), ("waiting", 5)], Missed.WAITING),
        ([("waiting", 0), ("nobody-available", 0), ("to-later", 0)], Missed.NOBODY_AVAILABLE),
        ([("waiting", 0), ("too-many-waiting", 0)], Missed.NOBODY_AVAILABLE),
        ([("waiting", 0), ("nobody-answered", 60), ("to-later", 60)], Missed.NOBODY_ANSWERED),
        ([("waiting", 0), ("nobody-available", 0), ("waiting", 0)], Missed.WAITING),
        ([("closed", 0), ("waiting", 5)], Missed.WAITING),
        ([("waiting", 0), ("callback-asked", 20)], Missed.CALLBACK),
        ([("waiting", 0), ("nobody-answered", 60), ("to-outside", 60)], Missed.NOBODY_ANSWERED),
        ([("blocked", 0)], None),
    ],
)
def test_why_a_call_was_missed(stages: list[tuple[str, float]], reason: Missed | None) -> None:
    found = folded([ANSWERED, *went(*stages), ended(70)])
    assert found.missed == reason
    assert (found.call.status, found.call.outcome) == ("no-answer", "no-answer")
    assert found.call.duration == 0 and found.taken_by is None
    assert folded([ANSWERED, *went(*stages)]).missed is None, "it is not over yet"


def test_who_is_answered_at_an_outside_number_is_not_missed() -> None:
    events = [ANSWERED, *went(("waiting", 0), ("nobody-answered", 20), ("to-outside", 20))]
    picked_up = Event("o", LOCAL, missed.OUTSIDE_ANSWERED, at(26), 5)
    found = folded([*events, picked_up, ended(50)])
    assert (found.call.status, found.call.answered_at) == ("completed", at(26))
    assert (found.call.duration, found.wait_seconds, found.missed) == (24, 20, None)


def test_the_wait_is_that_in_groups_alone() -> None:
    stages = went(("greeted", 0), ("waiting", 5), ("nobody-answered", 25), ("waiting", 25))
    assert folded([ANSWERED, *stages, ended(40)]).wait_seconds == 35
    box = went(("greeted", 0), ("waiting", 5), ("nobody-answered", 25), ("to-voicemail", 25))
    assert folded([ANSWERED, *box, ended(90)]).wait_seconds == 20
    assert folded([ANSWERED, *box]).wait_seconds == 20, "known before the message is over"
    assert folded([ANSWERED, *went(("greeted", 0)), ended(9)]).wait_seconds is None


def test_each_reason_is_told_and_each_way_on_is_a_stage() -> None:
    assert all(reason.said for reason in Missed)
    assert {why.value for why in steps.Why} - {steps.Why.WISH} <= set(NAMES)
