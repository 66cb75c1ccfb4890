"""When a line is open: wall-clock times in the line's own time zone, judged there. Pure.

An interval belongs to the day on which it begins, and may run past midnight. Where the clock jumps,
it begins and ends as soon as the clock on the wall shows its time, or one that is later: when a
time comes twice, the first counts, so nothing opens twice; when it never comes, the jump does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 24 * 60  # minutes
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# How far the week alone may have to be looked through for a change: it repeats, but for a week
# whose only interval falls into a jump of the clock.
_WEEKS = 16  # days
# No further: what is beyond is told of once it has come nearer.
_FARTHEST = timedelta(days=3660)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Problem(NamedTuple):
    """What is wrong with a field of a block, as a sentence that says what to do."""

    block: str
    field: str
    message: str


@dataclass(frozen=True, order=True)
class Interval:
    """Minutes after midnight; `ends` may be beyond `DAY`, which is in the next day."""

    begins: int
    ends: int

    @classmethod
    def between(cls, begins: time, ends: time) -> "Interval":
        """As people write it: an end that is not after the beginning is in the next day."""
        first, last = begins.hour * 60 + begins.minute, ends.hour * 60 + ends.minute
        return cls(first, last if last > first else last + DAY)

    def __str__(self) -> str:
        """`9:00–17:30`, `22:00–2:00`, `all day`."""
        if (self.begins, self.ends) == (0, DAY):
            return "all day"
        return f"{_clock(self.begins)}–{_clock(self.ends)}"


@dataclass(frozen=True)
class ClosedDays:
    """Days on which the week's intervals do not hold; `last` is one of them. `name`: why."""

    first: date
    last: date
    name: str = ""


@dataclass(frozen=True)
class Opening:
    """The intervals of one day, instead of the week's, be it among closed days or not."""

    day: date
    intervals: tuple[Interval, ...]
    name: str = ""


_NO_WEEK: tuple[tuple[Interval, ...], ...] = ((),) * 7


@dataclass(frozen=True)
class Hours:
    """`zone` is an IANA name; `week` has seven days, Monday first. Until `closed_until` (aware) all
    is closed, whatever the rest says.
    """

    zone: str
    week: tuple[tuple[Interval, ...], ...] = _NO_WEEK
    closed: tuple[ClosedDays, ...] = ()
    openings: tuple[Opening, ...] = ()
    closed_until: datetime | None = None


def always(zone: str) -> Hours:
    """Open day and night."""
    return Hours(zone, ((Interval(0, DAY),),) * 7)


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether it is open at a moment (aware)."""
    if hours.closed_until is not None and at < hours.closed_until:
        return False
    # The clock may be set back over midnight: a day may have begun, and its eve be on the wall.
    today = at.astimezone(ZoneInfo(hours.zone)).date()
    days = (today + timedelta(days=number) for number in (-1, 0, 1))
    return any(begins <= at < ends for day in days for begins, ends in _spans_of(hours, day))


def next_change(hours: Hours, at: datetime) -> datetime | None:
    """The first moment after `at` (UTC) from which it is open if it is closed, or closed if it is
    open; None: never.
    """
    is_open_now = is_open(hours, at)
    start, until = at, hours.closed_until
    if until is not None and at < until:
        if is_open(hours, until):
            return until.astimezone(UTC)
        start = until
    for begins, ends in _spans(hours, start):
        if is_open_now:
            return None if ends == _NEVER else ends
        if begins > start:
            return begins
    return None


def intervals_of(hours: Hours, day: date) -> tuple[Interval, ...]:
    """Those that begin on a day, in order, by the rules alone (`closed_until` is a moment)."""
    for opening in hours.openings:
        if opening.day == day:
            return tuple(sorted(opening.intervals))
    if any(closed.first <= day <= closed.last for closed in hours.closed):
        return ()
    return tuple(sorted(hours.week[day.weekday()]))


def summary(hours: Hours) -> str:
    """The week in a line: `Mon–Fri 9:00–12:00, 13:00–17:30; Sat 10:00–14:00`."""
    week = [tuple(sorted(day)) for day in hours.week]
    if all(day == (Interval(0, DAY),) for day in week):
        return "Always open"
    parts, first = [], 0
    for day in range(1, 8):
        if day < 7 and week[day] == week[first]:
            continue
        if week[first]:
            days = DAYS[first] if day - first == 1 else f"{DAYS[first]}–{DAYS[day - 1]}"
            parts.append(f"{days} {', '.join(map(str, week[first]))}")
        first = day
    return "; ".join(parts) or "Always closed"


def problems(hours: Hours, block: str = "hours") -> list[Problem]:
    """What is wrong with the hours, by field: `zone`, `week.0` (Monday's), `closed.0`, `openings.0`
    (the first).
    """
    found = [] if _is_zone(hours.zone) else [("zone", "Choose a time zone.")]
    if len(hours.week) != 7:
        found.append(("week", "A week has seven days."))
    for number, day in enumerate(hours.week[:7]):
        eve = hours.week[number - 1] if len(hours.week) == 7 else ()
        found += [(f"week.{number}", text) for text in _wrong(day, eve, DAY_NAMES[number], number)]
    for number, closed in enumerate(hours.closed):
        if closed.last < closed.first:
            found.append((f"closed.{number}", "The last day is before the first."))
    for number, opening in enumerate(hours.openings):
        field = f"openings.{number}"
        if not opening.intervals:
            found.append((field, "Say from when to when it is open, or remove it."))
        if any(other.day == opening.day for other in hours.openings[:number]):
            found.append((field, "This day has opening hours of its own already."))
        found += [(field, text) for text in _wrong(opening.intervals, (), "This day", 0)]
    return [Problem(block, field, message) for field, message in found]


def _wrong(
    day: Sequence[Interval], eve: Sequence[Interval], name: str, number: int
) -> Iterator[str]:
    """What is wrong with a day's intervals; `eve` are those of the day before."""
    for interval in day:
        if not 0 <= interval.begins < DAY:
            yield "Hours begin between 0:00 and 23:59."
        elif interval.ends <= interval.begins:
            yield f"{interval} ends before it begins."
        elif interval.ends - interval.begins > DAY:
            yield f"{interval} is longer than a day."
    ordered = sorted(day)
    for one, other in zip(ordered, ordered[1:], strict=False):
        if other.begins < one.ends:
            yield f"{one} and {other} overlap."
    late = max((interval.ends for interval in eve), default=0) - DAY
    if ordered and ordered[0].begins < late:
        yield f"{name} begins before {DAY_NAMES[number - 1]}’s hours end ({_clock(late)})."


def _spans(hours: Hours, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it is open, from the span on that holds `start` or comes after it; none touch. Of an
    endless one, no more than a part.
    """
    today = start.astimezone(ZoneInfo(hours.zone)).date()
    special = [closed.last for closed in hours.closed] + [each.day for each in hours.openings]
    last = min(max([today, *special]), today + _FARTHEST) + timedelta(days=_WEEKS)
    found = (span for day in _days(hours, today, last) for span in _spans_of(hours, day))
    begins = ends = None
    for span_begins, span_ends in found:
        if span_ends <= start:
            continue
        if ends is None or begins is None:
            begins, ends = span_begins, span_ends
        elif span_begins <= ends:
            ends = max(ends, span_ends)
        else:
            yield begins, ends
            begins, ends = span_begins, span_ends
    # What still runs at the last day that was looked at has no end.
    if begins is not None and ends is not None:
        is_endless = ends.astimezone(ZoneInfo(hours.zone)).date() > last
        yield begins, _NEVER if is_endless else ends


def _days(hours: Hours, today: date, last: date) -> Iterator[date]:
    """The days that may have intervals; long holidays are passed in one step."""
    openings = {opening.day for opening in hours.openings}
    day = today - timedelta(days=1)
    while day <= last:
        closed = [each.last for each in hours.closed if each.first <= day <= each.last]
        if closed and day not in openings:
            beyond = min(max(closed), last) + timedelta(days=1)
            day = min([beyond, *(each for each in openings if day < each < beyond)])
        else:
            yield day
            day += timedelta(days=1)


def _spans_of(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The moments between which a day's intervals are open; what falls into a jump is left out."""
    for interval in intervals_of(hours, day):
        begins = _moment(hours.zone, day, interval.begins)
        ends = _moment(hours.zone, day, interval.ends)
        if begins < ends:
            yield begins, ends


@lru_cache(10_000)
def _moment(zone: str, day: date, minutes: int) -> datetime:
    """The first moment (UTC) at which the clock on the wall shows a time of a day, or a later."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    info = ZoneInfo(zone)
    found = wall.replace(tzinfo=info).astimezone(UTC)
    if found.astimezone(info).replace(tzinfo=None) == wall:
        return found
    # The clock jumps over it: `found` is after the jump, and the other reading before it.
    before = wall.replace(tzinfo=info, fold=1).astimezone(UTC)
    while found - before > timedelta(seconds=1):
        middle = before + (found - before) // 2
        if middle.astimezone(info).replace(tzinfo=None) >= wall:
            found = middle
        else:
            before = middle
    return found.replace(microsecond=0)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes, 60)
    return f"{hour if minutes == DAY else hour % 24}:{minute:02}"
