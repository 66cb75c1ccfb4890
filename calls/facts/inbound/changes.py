"""What has changed of a plan or of a block, in short words for the audit trail. Pure."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from calls.facts.inbound.hours import Hours, always, summary
from calls.facts.inbound.plans import (
    LATER,
    Announcement,
    Block,
    Overflow,
    Plan,
    Target,
)
from calls.facts.inbound.telling import title

SHORT = 100  # characters of a value
_BLOCKS = ("id", "groups", "menus", "boxes")


def changed(before: Plan | Block, after: Plan | Block, **blocks: Any) -> dict[str, Any]:
    """[from, to] of each field that differs; places by the names that are in `blocks`. Of people it
    is only said how many there are.
    """
    names = Plan("", always("UTC"), LATER, LATER, **blocks)
    was, now = dict(_values(before)), dict(_values(after))
    return {
        name: [_short(names, was[name]), _short(names, now[name])]
        for name in was
        if was[name] != now[name]
    }


def _values(whole: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(whole):
        value = getattr(whole, field.name)
        if isinstance(value, Overflow):
            yield from _values(value)
        elif field.name == "keys":
            yield from ((f"key_{key}", None) for key in "1234567890*#" if key not in dict(value))
            yield from ((f"key_{key}", target) for key, target in value)
        elif field.name not in _BLOCKS:
            yield field.name, value


def _short(names: Plan, value: object) -> str:
    if isinstance(value, Target):
        said = title(names, value)
    elif isinstance(value, Announcement):
        said = value.text or ("a recording" if value.sound else "")
    elif isinstance(value, Hours):
        special = len(value.closed) + len(value.openings)
        said = f"{summary(value)}, {value.zone}, {special} special days"
    elif isinstance(value, tuple):
        said = str(len(value))
    else:
        said = "" if value is None else str(value)
    return said[:SHORT]
