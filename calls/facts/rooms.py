"""What a room needs next: a decision from the present state of its people alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from calls.facts import states
from calls.facts.states import LegState

COME_BACK = timedelta(seconds=20)  # for which a contact is kept for an agent who was lost
BRING_AGAIN = timedelta(seconds=5)  # after which a caller is looked for who has not come in
_EVER = datetime.min.replace(tzinfo=UTC)
_VERSION = 0xF << 76  # where a UUID has its version


def request_of(room_id: UUID) -> UUID:
    """The wish by which the winner's browser comes into the room of a call that came in. Its
    version, 8, is that of no wish which a browser makes.
    """
    return UUID(int=room_id.int & ~_VERSION | 8 << 76)


def is_ours(client_request_id: UUID) -> bool:
    """Whether a wish names the room of a call that came in, or has named it."""
    return client_request_id.version == 8


@dataclass(frozen=True)
class CameIn:
    """What else is known of the room of a call that came in. `winner`: the positions, among the
    agents, of the legs by which whoever has claimed the call has come since; None: nobody has.
    `brought_at`: when the caller was sent into the room for the winner. `is_in_line`: the caller's
    row has them wait still. `is_recorded`: it was asked for, if it is to be.
    """

    winner: Sequence[int] | None = None
    brought_at: datetime | None = None
    is_in_line: bool = True
    is_recorded: bool = False


@dataclass(frozen=True)
class Room:
    """A conference as far as its people are concerned. `agents` come oldest first, each with who
    it is; `end_asked` is whether an agent has asked for the end (of a call that came in: the
    winner); `came_in` is for such a call.
    """

    contact: LegState | None
    agents: Sequence[tuple[object, LegState]] = field(default_factory=tuple)
    end_asked: bool = False
    came_in: CameIn | None = None

    @property
    def lost_at(self) -> datetime | None:
        """When the last agent was lost while the contact stayed and talked; None if not so."""
        if self.contact is None or not self.contact.is_present or self.end_asked:
            return None
        if not self.agents or any(not leg.is_over for _, leg in self.agents):
            return None
        return max(_gone_at(leg) for _, leg in self.agents)


class Step(StrEnum):
    """What has to be done about a room, at Twilio."""

    CLOSE = "close"  # nobody is left to talk to somebody: the room and every leg must end
    HOLD = "hold"  # the contact hears that they should stay on the line
    RESUME = "resume"  # the agent is back
    RELIEVE = "relieve"  # the agent came back by another browser: the older leg must end
    # Of a call that came in alone.
    DISMISS = "dismiss"  # an agent is there who has not claimed the call (any more)
    BRING = "bring"  # the winner is there: the caller must come in
    GIVE_BACK = "give-back"  # the winner has gone before they met: the caller waits again
    MEET = "meet"  # they talk: the caller has left the line, and is recorded
    LET_GO = "let-go"  # the caller has hung up: nobody rings for them any more


def next_step(room: Room, *, now: datetime) -> Step | None:
    """What a room needs now, from its present state alone; None when all is well.

    Closing: the contact's leg is over and an agent is still there; the end was asked for; every
    agent has gone and the contact's phone still rings; or an agent was lost and did not come back.
    """
    contact = room.contact
    if contact is None:
        return None
    if room.came_in is not None:
        return _with_a_caller(room, contact, room.came_in, now)
    return _with_a_contact(room, contact, now)


def _with_a_contact(room: Room, contact: LegState, now: datetime) -> Step | None:
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


def _with_a_caller(room: Room, caller: LegState, came: CameIn, now: datetime) -> Step | None:
    """Until they meet, the caller is outside and must not be hung up on; then as with a contact."""
    if caller.status in states.TERMINAL and came.is_in_line:
        return Step.LET_GO
    if caller.is_over:
        return Step.CLOSE if any(not leg.is_over for _, leg in room.agents) else None
    if dismissed(room):
        return Step.DISMISS
    if caller.is_present:
        if not has_met(room):
            return Step.GIVE_BACK if _has_gone(room, came) else None
        if came.is_in_line or not came.is_recorded:
            return Step.MEET
        return _with_a_contact(room, caller, now)
    if _has_gone(room, came) or (room.end_asked and came.winner is not None):
        return Step.GIVE_BACK
    if any(room.agents[position][1].is_present for position in came.winner or ()):
        is_due = came.brought_at is None or now - came.brought_at >= BRING_AGAIN
        return Step.BRING if is_due else None
    return None


def dismissed(room: Room) -> list[int]:
    """Positions of agents' legs that have no business in the room of a call that came in, as the
    call is not, or is no more, theirs.
    """
    came = room.came_in
    if came is None or (came.winner is None and not came.is_in_line):
        return []
    ours = came.winner or ()
    return [
        position
        for position, (_, leg) in enumerate(room.agents)
        if position not in ours and not leg.is_over
    ]


def has_met(room: Room) -> bool:
    """Whether a contact who is in the room has been there together with an agent."""
    joined_at = room.contact.joined_at if room.contact else None
    return joined_at is not None and any(
        leg.joined_at is not None and (not leg.is_over or _gone_at(leg) > joined_at)
        for _, leg in room.agents
    )


def _has_gone(room: Room, came: CameIn) -> bool:
    """The winner has come, and is there no more."""
    return bool(came.winner) and all(room.agents[each][1].is_over for each in came.winner or ())


def _gone_at(leg: LegState) -> datetime:
    return leg.left_at or leg.ended_at or _EVER


def relieved(agents: Sequence[tuple[object, LegState]]) -> list[int]:
    """Positions of legs whose person is present by a newer leg."""
    return [
        position
        for position, (person, leg) in enumerate(agents)
        if not leg.is_over
        and any(p == person and newer.is_present for p, newer in agents[position + 1 :])
    ]
