"""An agent's own telephone: codes, and what a ring needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.facts import phones
from calls.facts.inbound.queues import End
from calls.facts.phones import Ring, Step, Tried, end_of, next_step, tried, wait_for

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


def test_nobody_is_called_with_a_code_over_and_over() -> None:
    assert wait_for([], phones.OF_AGENT, NOW) is None
    assert wait_for([ago(seconds=20)], phones.OF_AGENT, NOW) == timedelta(seconds=40)
    assert wait_for([ago(minutes=1)], phones.OF_AGENT, NOW) is None
    three = [ago(minutes=minutes) for minutes in (50, 30, 10)]
    assert wait_for(three, phones.OF_AGENT, NOW) == timedelta(minutes=10)
    many = [ago(hours=hours) for hours in (23, 20, 10, 8, 6, 4)]
    assert wait_for(many, phones.OF_AGENT, NOW) == timedelta(hours=1)


@given(st.lists(st.integers(0, 60 * 24), max_size=40))
def test_who_waits_as_told_is_never_called_more_often_than_the_rules_say(pauses: list[int]) -> None:
    now, asked = NOW, list[datetime]()
    for minutes in pauses:
        now += timedelta(minutes=minutes)
        wait = wait_for(asked, phones.TO_NUMBER, now)
        if wait is None:
            asked.append(now)
        else:
            assert wait > timedelta()
            assert wait_for(asked, phones.TO_NUMBER, now + wait) is None
        for most, within in phones.TO_NUMBER:
            assert sum(at > now - within for at in asked) <= most


def test_a_code_lives_ten_minutes_and_five_tries() -> None:
    def found(**given: Any) -> Tried:
        known: dict[str, Any] = {
            "called_at": ago(minutes=9),
            "tries": 0,
            "is_right": True,
            "now": NOW,
        }
        return tried(**(known | given))

    assert found() is Tried.RIGHT and found(is_right=False) is Tried.WRONG
    assert found(tries=4) is Tried.RIGHT and found(tries=5) is Tried.TOO_OFTEN
    assert found(called_at=ago(minutes=10)) is Tried.EXPIRED
    assert found(called_at=None) is Tried.NONE


ASKED = Ring(asked_at=NOW)
RINGING = Ring(asked_at=NOW, is_known=True)
PICKED_UP = Ring(asked_at=NOW, is_known=True, answered_at=NOW)


@pytest.mark.parametrize(
    ("ring", "is_offered", "step"),
    [
        (Ring(), True, Step.DIAL),
        (Ring(), False, Step.FORGET),
        (ASKED, True, None),
        (ASKED, False, None),  # its answer is under way, or was lost
        (RINGING, True, None),
        (RINGING, False, Step.CANCEL),
        (PICKED_UP, True, None),
        (PICKED_UP, False, Step.TELL),
        (Ring(NOW, True, NOW, stopped_at=NOW), False, None),
        (Ring(NOW, True, NOW, stopped_at=ago(seconds=10)), False, Step.HANG_UP),
        (Ring(NOW, True, NOW, taken_at=NOW), False, None),
        (Ring(NOW, True, ended_at=NOW), False, None),
        (Ring(ended_at=NOW), True, None),
    ],
)
def test_what_a_ring_needs(ring: Ring, is_offered: bool, step: Step | None) -> None:
    assert next_step(ring, is_offered=is_offered, now=NOW) is step


def test_how_an_offer_ends_whose_phone_has() -> None:
    assert end_of("completed", None, has_page=False) is End.MISSED  # a mailbox, or they hung up
    assert end_of("no-answer", 487, has_page=False) is End.MISSED
    assert end_of("busy", 486, has_page=False) is End.UNCONFIRMED
    assert end_of("failed", 404, has_page=False) is End.UNCONFIRMED
    assert end_of("busy", 603, has_page=False) is End.DECLINED
    # It rings on in a page, unless they have refused it.
    assert end_of("completed", None, has_page=True) is None
    assert end_of("failed", 404, has_page=True) is None
    assert end_of("busy", 603, has_page=True) is End.DECLINED
