"""A plan as rows keep it: where a call goes as a text, hours as JSON. Pure.

Places: `group:5f…`, `menu:…`, `voicemail:…`, `outside:+14155550100`, `later`; "" is nowhere.

Hours: `{"zone": "Europe/Berlin", "week": [[[540, 1020]], …], "closed": [["2026-12-24",
"2026-12-26", "Christmas"]], "openings": [["2026-12-27", [[600, 720]], "Sale"]]}`, all but the zone
may be left out; minutes after midnight, as `hours.Interval` has them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from calls.facts.inbound.hours import ClosedDays, Hours, Interval, Opening
from calls.facts.inbound.plans import Go, Target

LONGEST_PLACE = 64  # characters


def place(target: Target | None) -> str:
    if target is None:
        return ""
    return f"{target.go}:{target.to}" if target.to else str(target.go)


def target(text: str) -> Target | None:
    """None for what is no place. Whether there is what it names is for `plans.onward` to say."""
    go, _, to = text.partition(":")
    if go not in list(Go) or bool(to) == (go == Go.LATER):
        return None
    return Target(Go(go), to)


def hours_json(hours: Hours) -> dict[str, Any]:
    """Without `closed_until`, which has a column of its own."""
    return {
        "zone": hours.zone,
        "week": [_pairs(day) for day in hours.week],
        "closed": [[c.first.isoformat(), c.last.isoformat(), c.name] for c in hours.closed],
        "openings": [[o.day.isoformat(), _pairs(o.intervals), o.name] for o in hours.openings],
    }


def hours(kept: Mapping[str, Any], closed_until: datetime | None = None) -> Hours:
    """What `hours_json` wrote. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    return Hours(
        zone=kept["zone"],
        week=tuple(_intervals(day) for day in kept.get("week", [[]] * 7)),
        closed=tuple(
            ClosedDays(date.fromisoformat(first), date.fromisoformat(last), name)
            for first, last, name in kept.get("closed", ())
        ),
        openings=tuple(
            Opening(date.fromisoformat(day), _intervals(intervals), name)
            for day, intervals, name in kept.get("openings", ())
        ),
        closed_until=closed_until,
    )


def _pairs(intervals: Sequence[Interval]) -> list[list[int]]:
    return [[interval.begins, interval.ends] for interval in intervals]


def _intervals(pairs: Sequence[Sequence[int]]) -> tuple[Interval, ...]:
    return tuple(Interval(begins, ends) for begins, ends in pairs)
