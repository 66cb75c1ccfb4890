"""The people of a room, as its decisions have them (`facts.rooms`): out of rows and events."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from calls.facts import states
from calls.facts.inbound import meeting
from calls.facts.inbound.missed import InboundState, fold_inbound
from calls.facts.rooms import CameIn, Room
from calls.facts.states import Event, LegState
from calls.models import CallLeg
from calls.services.rooms import ledger

AGENT, CONTACT = CallLeg.Party.AGENT, CallLeg.Party.CONTACT
_EVER = datetime.min.replace(tzinfo=UTC)


def fold_legs(known: ledger.Known, facts: Sequence[ledger.Fact]) -> dict[UUID, LegState]:
    """Each leg by its id, as the events say."""
    common = known.common(facts)
    folded = {}
    for leg in known.legs:
        own = [fact for leg_id, fact in facts if leg_id == leg.id]
        if known.claim is not None and leg.party == CONTACT:
            own = meeting.since_given_back(own)
        folded[leg.id] = states.fold_leg([*own, *common])
    return folded


def of_contact(known: ledger.Known, facts: Sequence[ledger.Fact]) -> list[Event]:
    """What was heard of the contact's leg alone."""
    legs = [leg.id for leg in known.legs if leg.party == CONTACT]
    return [fact for leg_id, fact in facts if leg_id in legs]


def fold_call(
    known: ledger.Known, facts: Sequence[ledger.Fact], who: Room
) -> states.CallState | InboundState:
    """The call's state, if there is a contact."""
    contact = who.contact or LegState()
    if who.came_in is None:
        return states.fold_call(contact)
    return fold_inbound(of_contact(known, facts), contact, who.agents)


def of(known: ledger.Known, facts: Sequence[ledger.Fact], folded: Mapping[UUID, LegState]) -> Room:
    contact = next((folded[leg.id] for leg in known.legs if leg.party == CONTACT), None)
    agents = [leg for leg in known.legs if leg.party == AGENT]
    people = [(leg.user_id, folded[leg.id]) for leg in agents]
    ends = [fact.at for _, fact in facts if fact.name == states.END_ASKED]
    if known.claim is None:
        return Room(contact, people, bool(ends))
    claim, heard = known.claim, of_contact(known, facts)
    winner = [number for number, leg in enumerate(agents) if leg.id in claim.legs]
    bringing = (meeting.BRINGING, meeting.NOT_BROUGHT)
    recording = (meeting.RECORDING_ASKED, meeting.NOT_RECORDED)
    came_in = CameIn(
        winner=winner if claim.at is not None else None,
        brought_at=claim.at and meeting.asked_at(heard, *bringing, claim.at),
        is_in_line=claim.is_in_line,
        is_recorded=meeting.asked_at(heard, *recording, _EVER) is not None,
    )
    # Whoever had it before may have asked for it, too.
    end_asked = any(claim.at is not None and at >= claim.at for at in ends)
    # A browser may be lost; whoever puts down a telephone has ended the call.
    last = agents[winner[-1]] if winner else None
    end_asked |= last is not None and last.is_phone and folded[last.id].is_over
    return Room(contact, people, end_asked, came_in)
