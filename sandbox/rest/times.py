"""Lists filtered by time: ``StartTime`` a day (UTC), ``StartTime<`` and ``StartTime>`` moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.rest.core import ApiError

Moment = Callable[[Any], datetime | None]


class TimeFilters:
    """``names``: of all filters; given by the fields and how each is read of an item."""

    def __init__(self, **fields: Moment) -> None:
        self._fields = fields
        self.names = [name + sign for name in fields for sign in ("", "<", ">")]

    def tests(self, query: Mapping[str, str]) -> list[Callable[[Any], bool]]:
        """Those that were sent. An item without such a time passes none."""
        return [
            _test(self._fields[name.rstrip("<>")], name[-1], _moment(value))
            for name, value in query.items()
            if name in self.names
        ]


def _test(read: Moment, sign: str, moment: datetime) -> Callable[[Any], bool]:
    def test(item: Any) -> bool:
        at = read(item)
        if at is None:
            return False
        if sign == ">":
            return at >= moment
        return at <= moment if sign == "<" else at.date() == moment.date()

    return test


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ApiError(400, 20001, f"not a time: {text}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
