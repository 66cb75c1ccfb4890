"""Opening hours: over every jump of the clock as a walk, minute by minute, would find them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from time import monotonic
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts.inbound import hours
from calls.facts.inbound.hours import ClosedDays, Hours, Interval, Opening, always

BERLIN = ZoneInfo("Europe/Berlin")
MORNING, AFTERNOON = Interval(9 * 60, 12 * 60), Interval(13 * 60, 17 * 60 + 30)
OFFICE = Hours("Europe/Berlin", ((MORNING, AFTERNOON),) * 5 + ((), ()))

# Days with a jump: forward and back by an hour, by half of one, over midnight, by a whole day.
JUMPS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2017, 10, 15)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/Havana", date(2026, 11, 1)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Tokyo", date(2026, 6, 1)),
]
BEFORE, AFTER = timedelta(days=2.5), timedelta(days=1.5)  # from its noon on


def berlin(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


@cache
def walls(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Each minute around a day, and what the clock on the wall shows then."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    minutes = int((BEFORE + AFTER) / timedelta(minutes=1))
    moments = [noon - BEFORE + timedelta(minutes=number) for number in range(minutes)]
    info = ZoneInfo(zone)
    return [(at, at.astimezone(info).replace(tzinfo=None)) for at in moments]


def walked(plan: Hours, day: date) -> dict[datetime, bool]:
    """Whether it is open in each minute, by watching the clock on the wall go by."""
    minutes = walls(plan.zone, day)
    waiting: list[tuple[datetime, datetime]] = []
    for number in range(-4, 5):
        midnight = datetime.combine(day + timedelta(days=number), time())
        for each in hours.intervals_of(plan, midnight.date()):
            begins, ends = (timedelta(minutes=m) for m in (each.begins, each.ends))
            waiting.append((midnight + begins, midnight + ends))
    running: list[datetime] = []  # the ends of what has begun
    found = {}
    for at, wall in minutes:
        if any(begins <= wall for begins, _ in waiting):
            running += [ends for begins, ends in waiting if begins <= wall]
            waiting = [each for each in waiting if each[0] > wall]
        running = [ends for ends in running if ends > wall]
        shut = plan.closed_until is not None and at < plan.closed_until
        found[at] = bool(running) and not shut
    return found


times = st.integers(0, 24 * 4 - 1).map(lambda quarter: quarter * 15) | st.integers(0, 1439)
an_interval = st.builds(
    lambda begins, length: Interval(begins, begins + length),
    times,
    st.integers(1, 300) | st.sampled_from([30, 60, 1440]),
)
a_day = st.lists(an_interval, max_size=3).map(tuple)


@st.composite
def around_a_jump(draw: st.DrawFn) -> tuple[Hours, date]:
    zone, day = draw(st.sampled_from(JUMPS))
    near = st.integers(-2, 2).map(lambda days: day + timedelta(days=days))
    week = draw(st.tuples(*[a_day] * 7))
    closed = draw(st.lists(st.builds(lambda a, b: ClosedDays(min(a, b), max(a, b)), near, near)))
    openings = draw(st.lists(st.builds(Opening, near, a_day), max_size=2))
    until = draw(st.none() | st.integers(0, len(walls(zone, day)) - 1))
    shut = None if until is None else walls(zone, day)[until][0]
    return Hours(zone, week, tuple(closed[:1]), tuple(openings), shut), day


@settings(max_examples=40)
@given(around_a_jump(), st.randoms(use_true_random=False))
def test_it_is_open_when_a_walk_by_the_clock_on_the_wall_says_so(found, chance) -> None:
    plan, day = found
    expected = walked(plan, day)
    # Intervals that began before the walk are not known to it in its first two days.
    moments = list(expected)[2 * hours.DAY :]
    for at in chance.sample(moments, 100):
        assert hours.is_open(plan, at) == expected[at], at
    for number in chance.sample(range(len(moments)), 20):
        at = moments[number]
        later = (each for each in moments[number:] if expected[each] != expected[at])
        first, change = next(later, None), hours.next_change(plan, at)
        assert change == first or (first is None and change and change > moments[-1]), at


@settings(max_examples=50)
@given(around_a_jump(), st.integers(0, 4 * hours.DAY - 1))
def test_every_change_that_is_named_is_one(found, number: int) -> None:
    plan, day = found
    at = walls(plan.zone, day)[number][0]
    change = hours.next_change(plan, at)
    if change is not None:
        assert change > at and change.tzinfo is UTC
        assert hours.is_open(plan, change) != hours.is_open(plan, at)
        assert hours.is_open(plan, change - timedelta(seconds=1)) == hours.is_open(plan, at)


def test_an_office_is_open_in_its_own_time_winter_and_summer() -> None:
    assert hours.is_open(OFFICE, berlin(2026, 1, 5, 9, 0))
    assert hours.is_open(OFFICE, berlin(2026, 7, 6, 9, 0))
    assert not hours.is_open(OFFICE, datetime(2026, 1, 5, 7, 59, 59, tzinfo=UTC))
    assert hours.is_open(OFFICE, datetime(2026, 7, 6, 7, 0, tzinfo=UTC))
    assert not hours.is_open(OFFICE, berlin(2026, 1, 5, 12, 30)), "a lunch break"
    assert not hours.is_open(OFFICE, berlin(2026, 1, 4, 10, 0)), "a Sunday"


def test_saturday_evening_is_no_sunday_yet_whatever_the_server_s_day_is() -> None:
    shop = Hours("America/Los_Angeles", ((),) * 5 + ((Interval(600, 1320),), ()))
    evening = datetime(2026, 12, 5, 21, 0, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert evening.astimezone(UTC).date() == date(2026, 12, 6)
    assert hours.is_open(shop, evening)


def test_the_night_to_sunday_is_saturday_s() -> None:
    bar = Hours("Europe/Berlin", ((),) * 5 + ((Interval.between(time(22), time(2)),), ()))
    assert hours.is_open(bar, berlin(2026, 12, 6, 1, 59))
    assert not hours.is_open(bar, berlin(2026, 12, 5, 1, 59))
    closed = replace(bar, closed=(ClosedDays(date(2026, 12, 6), date(2026, 12, 6)),))
    assert hours.is_open(closed, berlin(2026, 12, 6, 1, 0)), "the night began on an open day"
    closed = replace(bar, closed=(ClosedDays(date(2026, 12, 5), date(2026, 12, 5)),))
    assert not hours.is_open(closed, berlin(2026, 12, 6, 1, 0))


def test_an_hour_that_comes_twice_opens_once() -> None:
    night = Hours("Europe/Berlin", ((),) * 6 + ((Interval(150, 170),),))  # 2:30 to 2:50
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert hours.is_open(night, first)
    assert not hours.is_open(night, first + timedelta(hours=1)), "2:30 again"


def test_a_day_that_has_begun_goes_on_though_the_clock_is_set_back_to_its_eve() -> None:
    sunday = Hours("America/St_Johns", ((),) * 6 + ((Interval(0, 300),),))
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    half_past_eleven = midnight + timedelta(minutes=30)  # a minute after it, it was 23:01 again
    assert half_past_eleven.astimezone(ZoneInfo(sunday.zone)).date() == date(2010, 11, 6)
    assert hours.is_open(sunday, half_past_eleven)


def test_what_begins_in_an_hour_that_never_comes_begins_after_the_jump() -> None:
    sunday = Hours("Europe/Berlin", ((),) * 6 + ((Interval(150, 300),),))  # 2:30 to 5:00
    jump = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert hours.next_change(sunday, jump - timedelta(hours=5)) == jump
    swallowed = replace(sunday, week=((),) * 6 + ((Interval(130, 170),),))
    found = hours.next_change(swallowed, jump - timedelta(hours=5))
    assert found == berlin(2026, 4, 5, 2, 10), "the week after"


def test_closed_days_end_and_the_next_opening_is_found_behind_a_long_holiday() -> None:
    summer = replace(OFFICE, closed=(ClosedDays(date(2026, 7, 1), date(2035, 8, 31), "Gone"),))
    assert hours.next_change(summer, berlin(2026, 7, 1, 10)) == berlin(2035, 9, 3, 9)
    once = replace(summer, openings=(Opening(date(2030, 1, 5), (MORNING,)),))
    assert hours.next_change(once, berlin(2026, 7, 1, 10)) == berlin(2030, 1, 5, 9)
    assert hours.is_open(once, berlin(2030, 1, 5, 10))


def test_days_that_are_far_beyond_all_plans_are_not_looked_for_one_by_one() -> None:
    at = berlin(2026, 7, 1, 10)
    shut = replace(always("Europe/Berlin"), closed=(ClosedDays(date(2027, 1, 1), date.max),))
    assert hours.next_change(shut, at) == berlin(2027, 1, 1, 0)
    assert hours.next_change(shut, berlin(2027, 1, 1, 0)) is None
    begun = monotonic()
    once = Opening(date(9990, 1, 1), (Interval(540, 1020),))
    assert hours.next_change(replace(always("UTC"), openings=(once,)), at) is None
    assert hours.next_change(Hours("UTC", openings=(once,)), at) is None
    assert monotonic() - begun < 1


def test_an_opening_takes_the_place_of_the_day_s_usual_hours() -> None:
    eve = replace(OFFICE, openings=(Opening(date(2026, 12, 24), (MORNING,)),))  # a Thursday
    assert not hours.is_open(eve, berlin(2026, 12, 24, 14, 0))
    assert hours.is_open(eve, berlin(2026, 12, 24, 10, 0))


def test_the_switch_closes_whatever_the_rest_says() -> None:
    shut = replace(always("Europe/Berlin"), closed_until=berlin(2026, 12, 1, 8, 0))
    assert not hours.is_open(shut, berlin(2026, 12, 1, 7, 59))
    assert hours.is_open(shut, berlin(2026, 12, 1, 8, 0))
    assert hours.next_change(shut, berlin(2026, 11, 1)) == berlin(2026, 12, 1, 8, 0)
    night = replace(OFFICE, closed_until=berlin(2026, 12, 1, 3, 0))
    assert hours.next_change(night, berlin(2026, 11, 30, 10)) == berlin(2026, 12, 1, 9, 0)


def test_what_never_changes_says_so() -> None:
    assert hours.next_change(always("UTC"), datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert hours.next_change(Hours("UTC"), datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("week", "says"),
    [
        (OFFICE.week, "Mon–Fri 9:00–12:00, 13:00–17:30"),
        (((MORNING,),) * 4 + ((),) * 2 + ((MORNING,),), "Mon–Thu 9:00–12:00; Sun 9:00–12:00"),
        (((Interval(0, 1440),),) * 7, "Always open"),
        (((Interval(0, 1440),),) * 6 + ((),), "Mon–Sat all day"),
        (((),) * 5 + ((Interval(1320, 1560),), ()), "Sat 22:00–2:00"),
        (((AFTERNOON, MORNING),) + ((),) * 6, "Mon 9:00–12:00, 13:00–17:30"),
        (((Interval(1200, 1440),),) + ((),) * 6, "Mon 20:00–24:00"),
        (((),) * 7, "Always closed"),
    ],
)
def test_a_week_is_said_in_a_line(week, says: str) -> None:
    assert hours.summary(Hours("UTC", week)) == says


def test_an_end_before_the_beginning_is_in_the_next_day() -> None:
    assert Interval.between(time(22), time(2)) == Interval(1320, 1560)
    assert Interval.between(time(9), time(0)) == Interval(540, 1440)
    assert Interval.between(time(0), time(0)) == Interval(0, 1440)


def week(monday: list[Interval], tuesday: list[Interval]) -> Hours:
    return Hours("UTC", (tuple(monday), tuple(tuesday), *((),) * 5))


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        (Hours("Mars/Olympus"), "zone", "Choose a time zone."),
        (Hours(""), "zone", "Choose a time zone."),
        (Hours("UTC", ((),)), "week", "A week has seven days."),
        (week([Interval(600, 540)], []), "week.0", "10:00–9:00 ends before it begins."),
        (week([Interval(1500, 1600)], []), "week.0", "Hours begin between 0:00 and 23:59."),
        (week([Interval(600, 2100)], []), "week.0", "10:00–11:00 is longer than a day."),
        (
            week([Interval(540, 720), Interval(660, 800)], []),
            "week.0",
            "9:00–12:00 and 11:00–13:20 overlap.",
        ),
        (
            week([Interval(1320, 1560)], [Interval(60, 180)]),
            "week.1",
            "Tuesday begins before Monday’s hours end (2:00).",
        ),
        (
            Hours("UTC", closed=(ClosedDays(date(2026, 1, 2), date(2026, 1, 1)),)),
            "closed.0",
            "The last day is before the first.",
        ),
        (
            Hours("UTC", openings=(Opening(date(2026, 1, 2), ()),)),
            "openings.0",
            "Say from when to when it is open, or remove it.",
        ),
        (
            Hours("UTC", openings=(Opening(date(2026, 1, 2), (MORNING,)),) * 2),
            "openings.1",
            "This day has opening hours of its own already.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: Hours, field: str, says: str) -> None:
    assert hours.problems(wrong) == [("hours", field, says)]


def test_nothing_is_wrong_with_good_hours() -> None:
    assert hours.problems(OFFICE) == hours.problems(always("UTC")) == []
    touching = week([Interval(540, 720), Interval(720, 800)], [Interval(0, 60)])
    assert hours.problems(touching) == []
