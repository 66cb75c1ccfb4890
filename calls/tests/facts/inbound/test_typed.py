"""Hours as people type them are read, and what is shown reads as the same."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calls.facts.inbound import typed
from calls.facts.inbound.hours import DAY, Interval
from calls.facts.inbound.languages import LANGUAGES
from calls.facts.inbound.spoken import VOICES

TIMES = st.integers(0, DAY - 1)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("9-12, 13:00–17:30", [(540, 720), (780, 1050)]),
        ("9:00 to 17:00", [(540, 1020)]),
        ("9am-5pm", [(540, 1020)]),
        ("9 a.m. – 5 p.m.", [(540, 1020)]),
        ("9-5pm", [(540, 1020)]),
        ("1-5pm", [(780, 1020)]),
        ("12-1pm", [(720, 780)]),
        ("22:00–2:00", [(1320, 1560)]),
        ("0-24", [(0, DAY)]),
        ("All day", [(0, DAY)]),
        ("18:00–24:00", [(1080, DAY)]),
        ("13-17 and 9-12", [(540, 720), (780, 1020)]),
        ("", []),
        (" closed ", []),
    ],
)
def test_what_people_type_is_read(said: str, meant: list[tuple[int, int]]) -> None:
    assert typed.intervals(said) == tuple(Interval(*each) for each in meant)


@pytest.mark.parametrize(
    "said", ["9", "nine to five", "9–25", "13pm–2", "9:75–10", "9–12 13–17", "x"]
)
def test_what_is_no_time_is_refused_with_what_to_write(said: str) -> None:
    with pytest.raises(typed.Unreadable, match=r"Write hours like|isn’t a time of day"):
        typed.intervals(said)


@pytest.mark.parametrize("said", ["9-5", "9:30–5", "9am-5", "8-2", "9-9"])
def test_an_end_that_may_be_in_the_morning_or_in_the_evening_is_asked_for(said: str) -> None:
    with pytest.raises(typed.Unreadable, match=f"{said} may end in the morning or in the evening"):
        typed.intervals(said)


def test_a_night_can_be_said() -> None:
    for said in ("22-6", "9:00–5:00", "10pm-2am", "9am-5am"):
        (night,) = typed.intervals(said)
        assert night.ends > DAY


@example([(0, DAY), (540, 60)])
@given(st.lists(st.tuples(TIMES, st.integers(1, DAY)), max_size=4))
def test_what_is_shown_reads_as_what_was_meant(spans: list[tuple[int, int]]) -> None:
    day = tuple(sorted(Interval(begins, begins + length) for begins, length in spans))
    assert typed.intervals(typed.text(day)) == day


def test_each_language_that_can_be_chosen_has_a_voice() -> None:
    assert set(LANGUAGES) == set(VOICES)
    assert list(LANGUAGES.values()) == sorted(LANGUAGES.values())
