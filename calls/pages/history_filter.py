"""What the history is asked for, and how its filters say so."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from django.http import QueryDict

from calls import selectors
from calls.pages.forms import STATUS_CHOICES, HistoryFilter
from calls.selectors import Filters
from contacts.models import Contact
from contacts.selectors import contact_by_id

Choices = tuple[tuple[str, str], ...]


class Shown(NamedTuple):
    """What the fields say: as it was typed. `wrong`: the names of those that make no sense, and in
    one line why.
    """

    q: str = ""
    status: str = ""
    agent: str = ""
    since: str = ""
    until: str = ""
    recorded: bool = False
    wrong: tuple[str, ...] = ()
    problems: str = ""

    @property
    def statuses(self) -> Choices:
        return STATUS_CHOICES


class Asked(NamedTuple):
    """`given`: the query with neither blanks nor what makes no sense. `agents`: who can be chosen,
    found once and only for whoever looks.
    """

    agents: Callable[[], Choices]
    filters: Filters = Filters()  # frozen
    given: dict[str, str] = {}  # read only
    shown: Shown = Shown()
    contact: Contact | None = None


def asked(query: QueryDict) -> Asked:
    agents = cache(_agents)
    if HistoryFilter.base_fields.keys().isdisjoint(query):
        return Asked(agents)  # as nearly always: of nothing no form need be made
    form = HistoryFilter(query, agents=agents)
    filters = form.read()
    contact = contact_by_id(filters.contact) if filters.contact else None
    if filters.contact and contact is None:
        form.add_error("contact", "That contact is unknown.")
        filters = form.read()
    problems = [str(said) for errors in form.errors.values() for said in errors]
    typed = {name: query.get(name, "") for name in ("q", "status", "agent", "since", "until")}
    return Asked(
        agents,
        filters,
        {name: query.get(name, "") for name in form.fields if form.cleaned_data.get(name)},
        Shown(
            **typed,
            recorded=bool(form["recorded"].value()),
            wrong=tuple(form.errors),
            problems=" ".join(problems),
        ),
        contact,
    )


def _agents() -> Choices:
    return ("", "Anyone"), *((str(pk), name) for pk, name in selectors.agents())
