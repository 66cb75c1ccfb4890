"""What members are in the middle of: when one is deactivated, and beside each name of their list.
Rooms above this one know it, and say so here at the start (`calls.apps`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Occupation:
    """`of(user_id)`: what this person is in, like “a call with Maria”, "" when in nothing; `end`
    ends it; `presences` has a word for each member, like (“available”, “Available”), by their
    user's id. All for the present tenant, inside its transaction.
    """

    of: Callable[[UUID], str]
    end: Callable[[UUID], None]
    presences: Callable[[], Mapping[UUID, tuple[str, str]]] = dict


_known: list[Occupation] = []


def register(occupation: Occupation) -> None:
    _known.append(occupation)


def of(user_id: UUID) -> str:
    return next(filter(None, (each.of(user_id) for each in _known)), "")


def end(user_id: UUID) -> None:
    for each in _known:
        each.end(user_id)


def presences() -> Mapping[UUID, tuple[str, str]]:
    return {user: word for each in _known for user, word in each.presences().items()}
