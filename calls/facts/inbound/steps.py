"""What can be done about those who wait, and the queue once it is done. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from calls.facts.inbound.plans import Target
from calls.facts.inbound.queues import Availability, End, Offer, Queue


@dataclass(frozen=True)
class Ring:
    """Offer the caller to the agent."""

    caller: str
    agent: str


@dataclass(frozen=True)
class Knock:
    """The agent, who has no page, is told of the caller, so that they open one."""

    caller: str
    agent: str


@dataclass(frozen=True)
class EndOffer:
    """The agent's ring of this caller ends; `by`: who answered instead."""

    caller: str
    agent: str
    end: End
    by: str = ""


@dataclass(frozen=True)
class SetAway:
    """The agent has missed too many offers in a row, and is told so."""

    agent: str


@dataclass(frozen=True)
class GiveBack:
    """The winner did not come: the caller waits again, first in line."""

    caller: str
    agent: str


class Why(StrEnum):
    """A caller goes on."""

    NOBODY = "nobody-available"
    UNANSWERED = "nobody-answered"
    FULL = "too-many-waiting"
    WISH = "wish"


@dataclass(frozen=True)
class MoveOn:
    """The caller goes on to a target (see `plans.onward`); None: they are to be called back."""

    caller: str
    target: Target | None
    why: Why


@dataclass(frozen=True)
class SayPlace:
    """The caller is told their place in the queue."""

    caller: str
    place: int


Action = Ring | Knock | EndOffer | SetAway | GiveBack | MoveOn | SayPlace


def after(queue: Queue, action: Action, now: datetime) -> Queue:
    """The queue once an action is done."""
    if isinstance(action, SetAway):
        changes: dict[str, Any] = {"availability": Availability.AWAY, "missed_in_a_row": 0}
        return _with_agent(queue, action.agent, **changes)
    if isinstance(action, Knock):
        return _with_agent(queue, action.agent, knocked_at=now)
    caller = queue.caller(action.caller)
    if isinstance(action, Ring):
        caller = replace(caller, offers=(*caller.offers, Offer(action.agent, now)))
    elif isinstance(action, EndOffer):
        caller = caller.ended(action.agent, action.end, now)
        agent = queue.agent(action.agent)
        if action.end == End.MISSED and agent is not None:
            queue = _with_agent(queue, agent.id, missed_in_a_row=agent.missed_in_a_row + 1)
        if action.end == End.UNCONFIRMED:
            queue = _with_agent(queue, action.agent, asleep_at=now)
    elif isinstance(action, GiveBack):
        caller = replace(caller, claim=None, returned_at=now)
        queue = _with_agent(queue, action.agent, asleep_at=now, in_call=False)
    elif isinstance(action, MoveOn):
        caller = replace(caller, has_left=True)
    else:
        caller = replace(caller, place_told=action.place, place_told_at=now)
    others = (each if each.id != caller.id else caller for each in queue.callers)
    return replace(queue, callers=tuple(others))


def _with_agent(queue: Queue, id: str, **changes: Any) -> Queue:
    agents = (replace(a, **changes) if a.id == id else a for a in queue.agents)
    return replace(queue, agents=tuple(agents))
