"""How a caller and the agent who has answered come together in a room. Pure.

The caller waits outside the room until the agent is in it, is then *brought*, and may be given back
to the line if the agent goes before they have met. What we do about it is, like every step of their
way, a LOCAL event of the caller's leg (`facts.inbound.missed`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from calls.facts import states
from calls.facts.states import Event

BRINGING = "bringing"  # the caller is being sent into the room
NOT_BROUGHT = "not-brought"  # … which was certainly not done
GIVEN_BACK = "given-back"  # to the line: the agent had gone before they met
RECORDING_ASKED = "recording-asked"  # or would have been, if the workspace recorded
NOT_RECORDED = "not-recorded"  # … which was certainly not done


def of_room(common: Iterable[Event]) -> list[Event]:
    """What was heard of the room of a call that came in and holds for its legs: not that it has
    ended, as an agent may have been alone in it before, and each leg is told its own end.
    """
    return [event for event in common if event.name != "conference-end"]


def since_given_back(events: Sequence[Event]) -> list[Event]:
    """What was heard of the caller's leg, without a stay in the room in which they met nobody."""
    given_back = _last(events, GIVEN_BACK)
    if given_back is None:
        return list(events)
    came = [
        event.at
        for event in events
        if event.kind == states.CONFERENCE
        and event.name == "participant-join"
        and event.at > given_back
    ]
    return [
        event
        for event in events
        if event.kind not in (states.CONFERENCE, states.ACTION) or (came and event.at >= min(came))
    ]


def asked_at(events: Iterable[Event], name: str, undone: str, since: datetime) -> datetime | None:
    """When we have last done what `name` says, at or after `since`; None: not, or it was `undone`
    since.
    """
    events = list(events)
    at, undone_at = _last(events, name), _last(events, undone)
    if at is None or at < since or (undone_at is not None and undone_at >= at):
        return None
    return at


def _last(events: Iterable[Event], name: str) -> datetime | None:
    at = (event.at for event in events if event.kind == states.LOCAL and event.name == name)
    return max(at, default=None)
