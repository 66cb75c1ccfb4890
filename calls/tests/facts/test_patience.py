"""What was kept aside is tried often at first, then ever more seldom, and given up."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from calls.facts.patience import KEPT, PAUSE, next_try

CAME = datetime(2026, 11, 22, 12, tzinfo=UTC)
SWEEP = timedelta(seconds=30)


@given(st.timedeltas(timedelta(0), SWEEP))
def test_a_week_has_some_fifteen_tries_and_the_first_hour_seven(late: timedelta) -> None:
    """Each try comes up to a sweep later than it is due."""
    tries = [CAME + late]
    while tries[-1] < CAME + KEPT:
        tries.append(next_try(CAME, tries[-1]) + late)
    assert 13 <= len(tries) <= 17
    assert sum(each <= CAME + timedelta(hours=1) for each in tries) in (6, 7, 8)


@given(st.timedeltas(timedelta(days=-1), timedelta(days=9)))
def test_the_next_try_is_always_later_even_when_clocks_differ(age: timedelta) -> None:
    assert next_try(CAME, CAME + age) - (CAME + age) >= PAUSE
