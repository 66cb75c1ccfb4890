"""A line's own part of its plan: language, hours, what is said, where calls go."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict

from calls.facts.inbound import typed, written
from calls.facts.inbound.hours import (
    DAY_NAMES,
    ClosedDays,
    Hours,
    Interval,
    Opening,
)
from calls.facts.inbound.languages import LANGUAGES
from calls.facts.inbound.plans import Plan
from calls.pages.lines.fields import Day, Offered, PlanForm, data_of, facts_of_says
from tenants.bricks import merging
from tenants.bricks.places import time_zones

MOST_ROWS = 60  # of closed days, and of openings
_CLOSED, _OPENING = ("first", "last", "name"), ("day", "hours", "name")
_ROW = re.compile(r"(closed|opening)-([0-9]{1,2})-[a-z]+")


class _HoursOfDay(forms.CharField):
    def __init__(self) -> None:
        super().__init__(max_length=200, required=False)

    def clean(self, value: Any) -> tuple[Interval, ...]:
        try:
            return typed.intervals(super().clean(value))
        except typed.Unreadable as error:
            raise forms.ValidationError(str(error)) from None


class LineForm(PlanForm):
    places = ("when_open", "when_closed")
    says = ("greeting", "closed_says")

    language = forms.ChoiceField(
        choices=list(LANGUAGES.items()),
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a language."),
    )
    zone = forms.ChoiceField(
        choices=[(name, name) for _, zones in time_zones() for name, _ in zones],
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a time zone."),
    )

    def __init__(
        self, data: QueryDict, *, offered: Offered, judges: bool = True, change: str = ""
    ) -> None:
        """`change` (`add-closed`, `remove-opening-2`, `copy-week`) rearranges what was typed and
        judges nothing.
        """
        if change == "copy-week":
            data = data.copy()
            for number in range(1, 5):
                data[f"week-{number}"] = data.get("week-0", "")
        super().__init__(data, offered=offered, judges=judges and not change)
        for number in range(7):
            self.fields[f"week-{number}"] = _HoursOfDay()
        self.closed_rows = self._rows("closed", _CLOSED, change)
        self.opening_rows = self._rows("opening", _OPENING, change)

    def _rows(self, kind: str, names: tuple[str, ...], change: str) -> list[int]:
        found = {int(m[2]) for key in self.given if (m := _ROW.fullmatch(key)) and m[1] == kind}
        rows = sorted(found)[:MOST_ROWS]
        if change == f"add-{kind}" and len(rows) < MOST_ROWS:
            rows.append(next(n for n in range(100) if n > max(rows, default=-1) or n not in rows))
        rows = [number for number in rows if change != f"remove-{kind}-{number}"]
        for number in rows:
            for name in names:
                is_day, is_hours = name in ("first", "last", "day"), name == "hours"
                self.fields[f"{kind}-{number}-{name}"] = (
                    Day(required=False)
                    if is_day
                    else _HoursOfDay()
                    if is_hours
                    else forms.CharField(max_length=60, required=False)
                )
        return rows

    @property
    def week(self) -> list[tuple[str, Any]]:
        return [(DAY_NAMES[number], self[f"week-{number}"]) for number in range(7)]

    @property
    def closed(self) -> list[dict[str, Any]]:
        return [self._row("closed", number, _CLOSED) for number in self.closed_rows]

    @property
    def openings(self) -> list[dict[str, Any]]:
        return [self._row("opening", number, _OPENING) for number in self.opening_rows]

    def _row(self, kind: str, number: int, names: tuple[str, ...]) -> dict[str, Any]:
        row: dict[str, Any] = {name: self[f"{kind}-{number}-{name}"] for name in names}
        errors = [error for name in names for error in row[name].errors]
        return row | {"number": number, "errors": errors, "id": f"{kind}_{number}"}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for number in self.closed_rows:
            first, last = (cleaned.get(f"closed-{number}-{name}") for name in ("first", "last"))
            named = cleaned.get(f"closed-{number}-name")
            if not first and (last or named) and f"closed-{number}-first" not in self.errors:
                self.add_error(f"closed-{number}-first", "Enter the first day, or remove this.")
        days: set[date] = set()
        for number in self.opening_rows:
            rest = cleaned.get(f"opening-{number}-hours") or cleaned.get(f"opening-{number}-name")
            field = f"opening-{number}-day"
            if rest and not cleaned.get(field) and field not in self.errors:
                self.add_error(field, "Enter the day, or remove this.")
            elif (day := cleaned.get(field)) in days:
                self.add_error(field, "This day has opening hours of its own already.")
            elif day:
                days.add(day)
        return cleaned

    def _closed(self) -> Iterator[tuple[int, ClosedDays]]:
        for number in self.closed_rows:
            first, last, name = (self.cleaned_data[f"closed-{number}-{n}"] for n in _CLOSED)
            if first:
                yield number, ClosedDays(first, last or first, name)

    def _openings(self) -> Iterator[tuple[int, Opening]]:
        for number in self.opening_rows:
            day, hours, name = (self.cleaned_data[f"opening-{number}-{n}"] for n in _OPENING)
            if day:
                yield number, Opening(day, hours, name)

    def plan(self, now: Plan) -> Plan:
        """The line's plan as it is, with what a valid form says."""
        given = self.cleaned_data
        hours = Hours(
            given["zone"],
            tuple(given[f"week-{number}"] for number in range(7)),
            tuple(closed for _, closed in self._closed()),
            tuple(opening for _, opening in self._openings()),
            now.hours.closed_until,
        )
        return replace(
            now,
            language=given["language"],
            hours=hours,
            greeting=self.announcement("greeting"),
            closed_says=self.announcement("closed_says"),
            when_open=self.targets["when_open"],
            when_closed=self.targets["when_closed"],
        )

    def facts(self, now: Plan) -> merging.Facts:
        """Of a valid form, as `facts_of_line`."""
        return facts_of_line(self.plan(now))

    def field_of(self, field: str) -> str | None:
        kind, _, number = field.partition(".")
        if kind == "week" and number:
            return f"week-{number}"
        if kind == "closed":
            return f"closed-{[n for n, _ in self._closed()][int(number)]}-first"
        if kind == "openings":
            return f"opening-{[n for n, _ in self._openings()][int(number)]}-hours"
        return super().field_of(field)


def facts_of_line(plan: Plan) -> merging.Facts:
    """As `LineForm` shows it; special days by their dates, so that two people can add some."""
    hours = plan.hours
    facts: dict[str, str | int | bool | None] = {
        "language": plan.language,
        "zone": hours.zone,
        "when_open": written.place(plan.when_open),
        "when_closed": written.place(plan.when_closed),
    }
    facts |= facts_of_says("greeting", plan.greeting)
    facts |= facts_of_says("closed_says", plan.closed_says)
    facts |= {f"week-{number}": typed.text(day) for number, day in enumerate(hours.week)}
    for closed in hours.closed:
        facts[f"closed/{closed.first}/{closed.last}"] = closed.name
    for opening in hours.openings:
        facts[f"hours/{opening.day}"] = typed.text(opening.intervals)
        facts[f"named/{opening.day}"] = opening.name
    return facts


def data_of_line(facts: merging.Facts) -> QueryDict:
    """As the form would send them."""
    data = data_of({name: value for name, value in facts.items() if "/" not in name})
    days = sorted(name for name, value in facts.items() if "/" in name and value is not None)
    closed = [name for name in days if name.startswith("closed/")]
    for number, name in enumerate(closed):
        _, first, last = name.split("/")
        for part, value in zip(_CLOSED, (first, last, facts[name]), strict=True):
            data[f"closed-{number}-{part}"] = str(value)
    for number, name in enumerate(name for name in days if name.startswith("hours/")):
        day = name.partition("/")[2]
        values = (day, facts[name], facts.get(f"named/{day}") or "")
        data.update(
            {f"opening-{number}-{n}": str(v) for n, v in zip(_OPENING, values, strict=True)}
        )
    return data
