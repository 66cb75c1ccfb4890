"""An agent comes into a room, by a browser or their own telephone."""

from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from calls.facts import rooms, states
from calls.facts.refusals import Refusal
from calls.gateway import addresses, twiml
from calls.gateway.accounts import TwilioAccount
from calls.models import CallLeg, Conference
from calls.services import guarding
from calls.services.rooms import ledger, progress, wishes
from calls.services.rooms.progress import Heard
from tenants.doors import Named
from tenants.fence.pipeline import ask, inserted, pipelined
from tenants.models import Membership

NO_CALLS = "Your account may not place calls. Goodbye."
GIVEN_BACK = "This call went back to the line, as your phone was not connected in time."
LONGEST_TALK = 4 * 3600  # seconds, with whoever has called us, whatever our own calls may last
_WAITS = 180  # seconds, for the contact to be dialled and for whoever was lost to come back


class Admitted(NamedTuple):
    """The room, the agent's leg in it, and how many seconds it may last."""

    room: Conference
    leg: ledger.Leg
    longest: int


def admit_agent(
    member: Named | Membership,
    *,
    account: TwilioAccount,
    client_request_id: UUID,
    call_sid: str,
    heard: Heard | None = None,
    is_phone: bool = False,
) -> Admitted:
    """The room of this wish to call, and the agent's leg in it; made on first sight. What was
    `heard` of the leg is stored with it.

    The same `call_sid` again is the same leg. Once the contact has been dialled, an agent may come
    back by another browser, which then takes the call over (`facts.rooms.Step.RELIEVE`). Raises
    `Refusal` for one who is no member, or when the room is over or another account's, another
    browser of this agent waits in it, or a calling limit would refuse whatever is dialled next;
    and `UnknownCall` when the room is full. A new room is only made with the account that the
    workspace uses now.
    """
    agent, now = Named(member.tenant_id, member.user_id), timezone.now()
    with pipelined(agent.tenant_id):
        found = wishes.arrival(agent, client_request_id, call_sid, now=now)
        if found is None:
            raise Refusal("forbidden", NO_CALLS)
        known = None
        if found.room_id is not None:
            known = ledger.read({"room": found.room_id}, key=heard.key if heard else "")
        made_with = known.room.account_sid if known else found.account_sid
        if made_with != account.sid:
            # A browser's token outlives a change of account by ten minutes.
            raise Refusal("forbidden", "The telephone account was changed. Reload the page.")
        if found.leg_in is not None and (known is None or found.leg_in != known.room.pk):
            raise Refusal("duplicate_in_progress", "This call is already somewhere else.")
        if known is None:
            if rooms.is_ours(client_request_id):
                raise Refusal("call_over", GIVEN_BACK)
            room = Conference(
                tenant_id=agent.tenant_id,
                agent_id=agent.user_id,
                client_request_id=client_request_id,
                account_sid=account.sid,
            )
            ask(*inserted(room))
            known = ledger.Known(room, [], None, [], False)
        leg = next((each for each in known.legs if each.call_sid == call_sid), None)
        is_new = leg is None
        if leg is None:
            _check_return(known, agent)
            guarding.check_connect(
                found.policy,
                found.usage,
                connects=found.connects,
                rooms=found.rooms,
                is_rejoin=known.call is not None,
            )
            leg = _new_leg(known, agent, call_sid, heard, is_phone)
            known = replace(known, legs=[*known.legs, leg], claim=_with(known.claim, leg))
        settled = progress.settle(known, leg, heard) if heard else None
    if settled and (is_new or settled.has_changed):
        progress.announce(known.room, settled.call_id)
    longest = found.policy.caps.longest_minutes * 60 + settings.RING_TIMEOUT + _WAITS
    return Admitted(known.room, leg, longest if known.claim is None else LONGEST_TALK)


def into_room(
    room: Conference, leg: ledger.Leg | CallLeg, longest: int, *, ends_room: bool = False
) -> str:
    """What a leg is told with which it comes into its room, for `longest` seconds at most;
    `ends_room`: the room ends with it.
    """
    return twiml.join_conference(
        room=room.name,
        label=leg.label,
        action_url=addresses.leg_ended(room.tenant_id, leg.id),
        conference_callback=addresses.conference_status(room.tenant_id, room.pk),
        ends_room=ends_room,
        time_limit=longest,
    )


def _check_return(known: ledger.Known, agent: Named) -> None:
    own = [leg for leg in known.legs if leg.user_id == agent.user_id]
    waits = any(not leg.state.is_over for leg in own)
    if waits and all(leg.party != CallLeg.Party.CONTACT for leg in known.legs):
        raise Refusal("duplicate_in_progress", "You are in this call already.")
    if known.room.closed_at is not None:
        raise Refusal("call_over", "This call is over.")
    if known.claim is None:
        return
    # Looked for before it was locked.
    if known.room.agent_id != agent.user_id or known.claim.at is None:
        raise Refusal("call_over", GIVEN_BACK)
    callers = [leg for leg in known.legs if leg.party == CallLeg.Party.CONTACT]
    if all(leg.state.is_over for leg in callers):
        raise Refusal("call_over", "The caller has hung up.")


def _with(claim: ledger.Claim | None, leg: ledger.Leg) -> ledger.Claim | None:
    return claim and replace(claim, legs=claim.legs | {leg.id})


def _new_leg(
    known: ledger.Known, agent: Named, call_sid: str, heard: Heard | None, is_phone: bool
) -> ledger.Leg:
    """Written as what was heard of it makes it."""
    facts = [heard.fact] if heard else []
    state = states.fold_leg([*facts, *known.common(known.facts)]) if facts else states.LegState()
    row = CallLeg(
        tenant_id=agent.tenant_id,
        conference_id=known.room.pk,
        user_id=agent.user_id,
        party=CallLeg.Party.AGENT,
        call_sid=call_sid,
        is_phone=is_phone,
        **vars(state),
    )
    ask(*inserted(row))
    return ledger.Leg(row.pk, row.party, row.user_id, call_sid, state, is_phone)
