"""What agents do about callers who ring at them: a page shows it, they decline, they answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from calls.facts.inbound.queues import End, Verdict
from calls.facts.inbound.queues import claim as answered
from calls.facts.refusals import Refusal
from calls.models import AgentAvailability, Caller, Offer, PhoneRing
from calls.selectors import queues
from calls.selectors.queues import Waiting
from calls.services.inbound import news
from calls.services.rooms import progress
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, User


def confirm(member: Membership, call_ids: Sequence[UUID], *, now: datetime) -> None:
    """A page of the member's shows that these calls ring. What does not ring at them is left out:
    pages are sometimes late.
    """
    with tenant_transaction(member.tenant_id):
        new = _ringing(member, call_ids).filter(confirmed_at=None).order_by("offered_at", "pk")
        # In the order in which whoever tends a group locks them.
        locked = list(new.select_for_update(no_key=True).values_list("pk", flat=True))
        Offer.objects.filter(pk__in=locked).update(confirmed_at=now)


def decline(member: Membership, call_id: UUID, *, now: datetime) -> None:
    """*Not I*: the others ring on. What does not ring at them any more is declined already. Their
    groups are to be tended afterwards (`tasks.tend_agent`).
    """
    with tenant_transaction(member.tenant_id):
        if _ringing(member, [call_id]).update(end=End.DECLINED, ended_at=now):
            own = AgentAvailability.objects.filter(user=member.user_id)
            own.update(missed_in_a_row=0)
            news.ring([member.user_id])


def _ringing(member: Membership, call_ids: Sequence[UUID]) -> Any:
    callers = Caller.objects.filter(call__in=call_ids).values("pk")
    return Offer.objects.filter(user=member.user_id, end="", caller__in=callers)


def claim(member: Membership, call_id: UUID, *, now: datetime, ring_id: UUID | None = None) -> UUID:
    """Answer, by a browser or by a ring of the agent's own telephone: the one winner is to connect
    with the `clientRequestId` that is returned; the same again for the same agent and device. All
    other rings of the call end. The groups of its agents are to be tended afterwards
    (`tasks.tend_agent`).

    Raises `Refusal`: `answered_elsewhere` with the winner's name, `call_over`, `not_offered`, and
    `forbidden` for who is no active member.
    """
    with tenant_transaction(member.tenant_id):
        if not _locked(member):
            raise Refusal("forbidden", "You are no longer a member of this workspace.")
        waiting = queues.caller_of(call_id, lock=True)
        if waiting is None or waiting.is_over:
            raise Refusal("call_over", "The caller has hung up.")
        own = AgentAvailability.objects.filter(user=member.user_id)
        list(own.select_for_update(no_key=True).values_list("pk"))
        agent, before = queues.agent(member.user_id), waiting.fact
        if agent is None:
            raise LookupError("a member is an agent")
        found = answered(before, agent, now)
        if found.verdict is Verdict.TOO_LATE:
            raise _too_late(found.by)
        if found.verdict is Verdict.NOT_OFFERED:
            raise _not_offered(is_busy=agent.in_call)
        if before.claim is None:
            own.update(missed_in_a_row=0)
            _take(member, waiting, now)
            PhoneRing.objects.filter(pk=ring_id).update(taken_at=now)
        elif _taken_by(member, waiting) != ring_id:
            where = "in your browser" if ring_id else "on your phone"
            raise Refusal("answered_elsewhere", f"You’ve answered this call {where}.")
        return waiting.room.client_request_id


def _locked(member: Membership) -> bool:
    """Have an agent's answers served one after the other, as their connections and dialling are: so
    nobody wins two callers. False for who is no active member.
    """
    own = Membership.objects.select_for_update(no_key=True, of=("self",))
    active = own.filter(user=member.user_id, is_active=True, user__is_active=True)
    return bool(list(active.values_list("pk")))


def _take(member: Membership, waiting: Waiting, now: datetime) -> None:
    rung = [offer for offer in waiting.offers if not offer.end]
    for offer in rung:
        is_mine = offer.user_id == member.user_id
        offer.end, offer.ended_at = (End.CLAIMED if is_mine else End.ANSWERED).value, now
    Offer.objects.bulk_update(rung, ["end", "ended_at"])
    Caller.objects.filter(pk=waiting.row.pk).update(claimed_at=now)
    waiting.room.agent_id = member.user_id
    waiting.room.save(update_fields=["agent"])
    progress.announce(waiting.room, waiting.row.call_id)
    news.ring(offer.user_id for offer in rung)
    news.availability([member.user_id])


def _taken_by(member: Membership, waiting: Waiting) -> UUID | None:
    """The ring of the agent's telephone by which they have the call; None: they have it by a
    browser.
    """
    rings = PhoneRing.objects.filter(offer__caller=waiting.row.pk, user=member.user_id)
    taken = rings.filter(taken_at__gte=waiting.row.claimed_at)
    found: UUID | None = taken.values_list("pk", flat=True).first()
    return found


def _too_late(winner: str) -> Refusal:
    if not winner:
        return Refusal("call_over", "The caller is not waiting any more.")
    name = str(User.objects.get(pk=UUID(winner)))
    return Refusal("answered_elsewhere", f"{name} has answered this call.", by=name)


def _not_offered(*, is_busy: bool) -> Refusal:
    if is_busy:
        return Refusal("agent_busy", "You’re in another call. End it first.")
    return Refusal("not_offered", "This call does not ring at you any more.")
