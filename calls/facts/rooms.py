"""What a room needs next: a decision from the present state of its people alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from calls.facts.states import LegState

COME_BACK = timedelta(seconds=20)  # for which a contact is kept for an agent who was lost
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Room:
    """A conference as far as its people are concerned. `agents` come oldest first, each with who
    it is; `end_asked` is whether an agent has asked for the end.
    """

    contact: LegState | None
    agents: Sequence[tuple[object, LegState]] = field(default_factory=tuple)
    end_asked: bool = False

    @property
    def lost_at(self) -> datetime | None:
        """When the last agent was lost while the contact stayed and talked; None if not so."""
        if self.contact is None or not self.contact.is_present or self.end_asked:
            return None
        if not self.agents or any(not leg.is_over for _, leg in self.agents):
            return None
        return max(leg.left_at or leg.ended_at or _EVER for _, leg in self.agents)


class Step(StrEnum):
    """What has to be done about a room, at Twilio."""

    CLOSE = "close"  # nobody is left to talk to somebody: the room and every leg must end
    HOLD = "hold"  # the contact hears that they should stay on the line
    RESUME = "resume"  # the agent is back
    RELIEVE = "relieve"  # the agent came back by another browser: the older leg must end


def next_step(room: Room, *, now: datetime) -> Step | None:
    """What a room needs now, from its present state alone; None when all is well.

    Closing: the contact's leg is over and an agent is still there; the end was asked for; every
    agent has gone and the contact's phone still rings; or an agent was lost and did not come back.
    """
    contact = room.contact
    if contact is None:
        return None
    agents_over = all(leg.is_over for _, leg in room.agents)
    if contact.is_over:
        return None if agents_over else Step.CLOSE
    if room.end_asked:
        return Step.CLOSE
    if room.lost_at is not None:
        if now - room.lost_at >= COME_BACK:
            return Step.CLOSE
        return None if contact.on_hold else Step.HOLD
    if room.agents and agents_over:
        return Step.CLOSE
    if contact.on_hold and any(leg.is_present for _, leg in room.agents):
        return Step.RESUME
    return Step.RELIEVE if relieved(room.agents) else None


def relieved(agents: Sequence[tuple[object, LegState]]) -> list[int]:
    """Positions of legs whose person is present by a newer leg."""
    return [
        position
        for position, (person, leg) in enumerate(agents)
        if not leg.is_over
        and any(p == person and newer.is_present for p, newer in agents[position + 1 :])
    ]
