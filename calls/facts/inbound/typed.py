"""Opening hours as people type them, a text for each day: `9-12, 13:00–17:30`, `9am–5pm`. Pure."""

import re
from collections.abc import Sequence

from calls.facts.inbound.hours import DAY, Interval

ALL_DAY = "all day"
_ALL_DAY = (ALL_DAY, "24h", "24 hours", "always")
_CLOSED = ("", "-", "–", "closed", "none")
_HOUR = r"(\d{1,2})(?:[:.h](\d{2}))?\s*([ap])?\.?(?:m\.?)?"
_INTERVAL = re.compile(rf"{_HOUR}\s*(?:-|–|—|to|until)\s*{_HOUR}")


class Unreadable(ValueError):
    """What was typed says no hours; the message says how to write them."""


def intervals(text: str) -> tuple[Interval, ...]:
    """Those of a day, in order. Raises `Unreadable`."""
    plain = " ".join(text.lower().split())
    if plain in _CLOSED:
        return ()
    return tuple(sorted(_interval(part) for part in re.split(r"\s*(?:,|;| and )\s*", plain)))


def text(day: Sequence[Interval]) -> str:
    """As `intervals` reads it; "" for a day that is closed."""
    return ", ".join(map(str, sorted(day)))


def _interval(part: str) -> Interval:
    if part in _ALL_DAY:
        return Interval(0, DAY)
    found = _INTERVAL.fullmatch(part)
    if found is None:
        raise Unreadable("Write hours like 9:00–12:00, 13:00–17:30, or leave the day empty.")
    hour, minute, half, last_hour, last_minute, last_half = found.groups()
    ends = _minutes(last_hour, last_minute, last_half)
    begins = _minutes(hour, minute, half)
    if last_half and not half:  # 9–5pm, 1–5pm
        afternoon = _minutes(hour, minute, last_half)
        begins = afternoon if afternoon < ends else begins
    # “9-5” is rarely a night: who means one can say so.
    is_bare = not last_minute and not last_half and 1 <= int(last_hour) <= 12
    if is_bare and ends <= begins and int(hour) <= 12:
        raise Unreadable(
            f"{part} may end in the morning or in the evening. Write hours like 9am–5pm or"
            " 9:00–17:00."
        )
    begins %= DAY
    return Interval(begins, ends if ends > begins else ends + DAY)


def _minutes(hour: str, minute: str | None, half: str | None) -> int:
    """After midnight. Raises `Unreadable` for a time that no clock shows."""
    hours, minutes = int(hour), int(minute or 0)
    if half and 1 <= hours <= 12:
        hours = hours % 12 + (12 if half == "p" else 0)
    elif half:
        hours = 99
    if hours * 60 + minutes > DAY or minutes > 59:
        shown = hour + (f":{minute}" if minute else "") + (f" {half}m" if half else "")
        raise Unreadable(f"{shown} isn’t a time of day.")
    return hours * 60 + minutes
