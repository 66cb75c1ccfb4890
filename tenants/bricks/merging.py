"""Two people at one form: what either of them changed is kept, and where both did it is asked.

A form carries the values that it was made of, so that whoever saves it changes only what they
have touched.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm
from django.http import QueryDict

# What a form holds, by names of its own choosing; a value that is missing is None.
Facts = Mapping[str, str | int | bool | None]

LONGEST = 50_000  # characters of a `made_of` that is read


@dataclass(frozen=True)
class Merge:
    """`values`: what is to be saved, with our own word where both changed something; `clashes`:
    where that is so.
    """

    values: dict[str, str | int | bool | None]
    clashes: list[str]


def merge(made_of: Facts, theirs: Facts, ours: Facts) -> Merge:
    """`made_of` is what our form showed at first, `theirs` what is saved by now. Who has put names
    in another order decides about it; ours comes first.
    """
    values: dict[str, str | int | bool | None] = {}
    clashes: list[str] = []
    kept, new = [n for n in made_of if n in ours], [n for n in ours if n not in made_of]
    is_ordered_anew = list(ours) != kept + new
    for name in {**ours, **theirs} if is_ordered_anew else {**theirs, **ours}:
        before, there, here = made_of.get(name), theirs.get(name), ours.get(name)
        if _as_typed(here) in (_as_typed(before), _as_typed(there)):
            values[name] = there
            continue
        values[name] = here
        if _as_typed(there) != _as_typed(before):
            clashes.append(name)
    return Merge(values, clashes)


def _as_typed(value: str | int | bool | None) -> str | int | bool | None:
    """A form gives back without the spaces around it what may be stored with them."""
    return value.strip() if isinstance(value, str) else value


def posted(values: Facts) -> QueryDict:
    """As a form would send it."""
    data = QueryDict(mutable=True)
    for name, value in values.items():
        if value not in (None, False):
            data[name] = "1" if value is True else str(value)
    return data


def written(facts: Facts) -> str:
    """For the form's hidden field `made_of`."""
    return json.dumps(facts)


def read(text: str, theirs: Facts) -> Facts:
    """Of that field. When it is missing or not ours, the form's word counts as a whole."""
    if len(text) > LONGEST:
        return theirs
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return theirs
    is_flat = isinstance(found, dict) and all(
        value is None or isinstance(value, str | int | bool) for value in found.values()
    )
    return found if is_flat else theirs


def ask(form: BaseForm, merge: Merge, theirs: Facts) -> None:
    """What is to be saved, at each field that both changed; the form is made of `merge.values`."""
    for name in merge.clashes:
        there = theirs.get(name)
        choices = dict(getattr(form.fields[name], "choices", ()))
        form.add_error(name, told(str(choices.get(there, "" if there is None else there))))


def told(theirs: str) -> str:
    """At a field that both changed; `theirs` as it reads by now."""
    done = f"Someone changed this to “{theirs}”" if theirs else "Someone cleared this"
    return f"{done} in the meantime. Save again to keep yours."
