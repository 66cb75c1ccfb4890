"""Groups: callers come in, are offered, go on. What is to be done is for `facts.inbound.waiting`
to decide; here it is read, written, and told to the pages that it concerns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from calls.facts.inbound import missed, plans, waiting, written
from calls.facts.inbound.plans import Overflow
from calls.facts.inbound.queues import Agent, End, Queue
from calls.facts.inbound.steps import GiveBack, Knock, MoveOn, Why
from calls.models import AgentAvailability, Caller, Conference, Group, GroupMember, Offer
from calls.selectors import queues
from calls.selectors.plans import anywhere, group_of
from calls.selectors.queues import Waiting
from calls.services.inbound import events, news, phones
from calls.services.rooms import progress
from tenants.fence.context import tenant_transaction

# What a caller's way says of why they go on.
_EVENTS = {
    Why.NOBODY: missed.NOBODY_AVAILABLE,
    Why.UNANSWERED: missed.NOBODY_ANSWERED,
    Why.FULL: missed.TOO_MANY_WAITING,
}
_ENTERED = ["place", "since", "entered_at", "wish", "claimed_at", "returned_at", "left_at"]
_ENTERED += ["led_on_at", "place_told", "place_told_at"]
_DECIDED = ["place", "moves", "left_at", "led_on_at", "claimed_at", "returned_at"]
_OF_AGENT = ["availability", "was_set_away", "missed_in_a_row", "asleep_at", "knocked_at"]


class Tended(NamedTuple):
    """`led_on`: the calls whose callers go on now, to be sent to *next* (`leading.send_on`);
    `look_again`: when the group must be tended though nothing has changed, None: nobody waits.
    `left`: the rooms in which a winner has not come together with their caller. `knocks`: agents
    who are to be told of a call, as they have no page (`knocking.knock`). `rings`: of agents' own
    telephones, for which something is to be done (`phoning.tend`).
    """

    led_on: list[UUID]
    look_again: datetime | None
    left: Sequence[UUID] = ()
    knocks: Sequence[tuple[UUID, UUID]] = ()
    rings: Sequence[UUID] = ()


def enter(caller: Caller, group_id: UUID, *, now: datetime) -> None:
    """Have a caller, whose row is locked, wait in a group, within the present transaction. What
    rang for them elsewhere ends. Their group is to be tended afterwards (`tasks.tend_groups`).
    """
    _end_offers(caller, now)
    caller.place = queues.place_of(group_id)
    caller.since, caller.entered_at = caller.since or now, now
    caller.wish = ""
    caller.claimed_at = caller.returned_at = caller.left_at = caller.led_on_at = None
    caller.place_told = caller.place_told_at = None
    caller.save(update_fields=_ENTERED)
    events.note(caller, missed.WAITING, now=now)


def leave(caller: Caller, *, now: datetime) -> None:
    """A caller has hung up, or goes on by themselves: nothing rings for them any more. Where they
    go is for who says so; the group that they were in is to be tended afterwards.
    """
    Caller.objects.filter(pk=caller.pk, left_at=None).update(left_at=now)
    caller.refresh_from_db(fields=["left_at"])
    _end_offers(caller, now)


def _end_offers(caller: Caller, now: datetime) -> None:
    rings = Offer.objects.filter(caller=caller, end="")
    agents = list(rings.values_list("user_id", flat=True))
    if agents:
        rings.update(end=End.LEFT, ended_at=now)
        news.ring(agents)


def tend(tenant_id: UUID, group_id: UUID, *, now: datetime) -> Tended:
    """Do what a group needs now, in a transaction of its own. Too often does no harm; of a group
    that is gone, those who wait go on.

    Of whoever goes on, `place` says where, the move is counted, and why they go is written down as
    an event. They come there with *next* (`way.onward`), which takes `led_on_at` back and writes
    down what else there is. A `place` of "" and the wish *callback*: they will be called back.
    """
    with tenant_transaction(tenant_id):
        group = Group.objects.select_for_update(no_key=True).filter(pk=group_id).first()
        found = queues.callers_in(group_id, lock=True)
        tended = _decide(group_id, group, found, now) if found else Tended([], None)
        if group is not None and group.look_again_at != tended.look_again:
            Group.objects.filter(pk=group_id).update(look_again_at=tended.look_again)
        return tended._replace(rings=phones.due(now))


def _decide(group_id: UUID, group: Group | None, found: Sequence[Waiting], now: datetime) -> Tended:
    members = GroupMember.objects.filter(group=group_id).values("user")
    # Nobody else offers them anything meanwhile; only then is read what keeps them busy.
    kept = AgentAvailability.objects.select_for_update(no_key=True).filter(user__in=members)
    availabilities = {row.user_id.hex: row for row in kept.order_by("user_id")}
    agents = queues.members_of(group_id)
    facts = [each.fact for each in found]
    # A caller may have come by the clock of another machine.
    now = max([now, *(fact.entered_at for fact in facts)])
    queue = Queue(_group(group_id, group, agents), tuple(facts), tuple(agents), queues.RULES)
    decision = waiting.decide(queue, now)
    _write_agents(queue, decision.queue, availabilities)
    _write_offers(found, decision.queue, now)
    by_id, done = {each.id: each for each in found}, decision.actions
    left = [by_id[each.caller].room.pk for each in done if isinstance(each, GiveBack)]
    knocks = [
        (UUID(each.agent), by_id[each.caller].row.call_id)
        for each in done
        if isinstance(each, Knock)
    ]
    return Tended(_write_callers(found, decision, now), decision.look_again, left, knocks)


def _group(group_id: UUID, row: Group | None, agents: Sequence[Agent]) -> plans.Group:
    if row is None:
        return plans.Group(group_id.hex, "", members=(), overflow=Overflow(unanswered=None))
    # Their place is told by the document that they hear, not from here.
    return replace(group_of(row, [UUID(agent.id) for agent in agents]), says_place=False)


def _write_offers(found: Sequence[Waiting], after: Queue, now: datetime) -> None:
    have_phone = {UUID(agent.id) for agent in after.agents if agent.phone}
    facts = {caller.id: caller for caller in after.callers}
    begun, ended = [], []
    for each in found:
        offers = facts[each.id].offers
        for row, offer in zip(each.offers, offers, strict=False):
            if not row.end and offer.end is not None:
                row.end, row.ended_at = offer.end.value, offer.ended_at
                ended.append(row)
        for offer in offers[len(each.offers) :]:
            user_id = UUID(offer.agent)
            begun.append(Offer(caller=each.row, user_id=user_id, offered_at=offer.offered_at))
    if ended:
        Offer.objects.bulk_update(ended, ["end", "ended_at"])
    if begun:
        Offer.objects.bulk_create(begun)
    if rung := have_phone & {offer.user_id for offer in begun}:
        phones.begin(rung, now=now)
    news.ring(offer.user_id for offer in (*ended, *begun))


def _write_agents(
    before: Queue, after: Queue, availabilities: Mapping[str, AgentAvailability]
) -> None:
    changed = []
    for was, agent in zip(before.agents, after.agents, strict=True):
        row = availabilities.get(agent.id)
        if row is None or was == agent:
            continue
        row.was_set_away |= agent.availability != was.availability
        row.availability = agent.availability.value
        row.missed_in_a_row, row.asleep_at = agent.missed_in_a_row, agent.asleep_at
        row.knocked_at = agent.knocked_at
        changed.append((row, was, agent))
    if changed:
        AgentAvailability.objects.bulk_update([row for row, _, _ in changed], _OF_AGENT)
    news.availability(row.user_id for row, was, agent in changed if _is_seen(was, agent))


def _is_seen(was: Agent, agent: Agent) -> bool:
    """Whether others see the change: what they chose, whether they sleep, a claim that is gone."""
    unseen: dict[str, Any] = {"missed_in_a_row": 0, "knocked_at": None}
    return replace(was, **unseen) != replace(agent, **unseen)


def _write_callers(
    found: Sequence[Waiting], decision: waiting.Decision, now: datetime
) -> list[UUID]:
    """Returns the calls that go on."""
    by_id = {each.id: each for each in found}
    moves = [action for action in decision.actions if isinstance(action, MoveOn)]
    returns = [action for action in decision.actions if isinstance(action, GiveBack)]
    changed = {each.id for each in found if each.is_over}
    for id in changed:
        by_id[id].row.left_at = now
    for returned in returns:
        row = by_id[returned.caller].row
        row.claimed_at, row.returned_at = None, now
    plan = anywhere() if moves else None
    for move in moves:
        _lead(by_id[move.caller].row, move, plan, now)
    changed |= {returned.caller for returned in returns} | {move.caller for move in moves}
    if changed:
        Caller.objects.bulk_update([by_id[id].row for id in sorted(changed)], _DECIDED)
    _give_back([by_id[returned.caller] for returned in returns])
    for move in moves:
        events.note(by_id[move.caller].row, _why(move), now=now)
    return [by_id[move.caller].row.call_id for move in moves]


def _lead(row: Caller, move: MoveOn, plan: plans.Plan | None, now: datetime) -> None:
    """To where the plan as it is now leads them; what it does not have any more is *call later*."""
    target = move.target
    if target is not None and plan is not None:
        target = plans.onward(plan, target, row.moves)
    row.place, row.moves = written.place(target), row.moves + 1
    row.left_at = row.led_on_at = now


def _why(move: MoveOn) -> str:
    if move.why is Why.WISH:
        return missed.CALLBACK_ASKED if move.target is None else missed.TO_VOICEMAIL
    return _EVENTS[move.why]


def _give_back(returned: Sequence[Waiting]) -> None:
    """Those whose winner did not come."""
    for each in returned:
        progress.announce(each.room, each.row.call_id)
    if returned:
        rooms = Conference.objects.filter(pk__in=[each.room.pk for each in returned])
        rooms.update(agent=None)


def of_agent(user_id: UUID) -> list[UUID]:
    """The groups that are to be tended when something changes for an agent: theirs, and those whose
    callers ring at them, where somebody waits.
    """
    theirs = GroupMember.objects.filter(user=user_id).values_list("group", flat=True)
    rung = Offer.objects.filter(user=user_id, end="").values_list("caller__place", flat=True)
    found = {*theirs} | {queues.group_in(place) for place in rung}
    return [group_id for group_id in _where_somebody_waits() if group_id in found]


def due(now: datetime) -> list[UUID]:
    """The groups that a sweep tends: all in which somebody waits, whatever has been forgotten, and
    those that were to be looked at by now.
    """
    late = Group.objects.filter(look_again_at__lte=now).values_list("pk", flat=True)
    return list(dict.fromkeys([*_where_somebody_waits(), *late]))


def _where_somebody_waits() -> list[UUID]:
    waiting = Caller.objects.filter(left_at=None, place__startswith=f"{plans.Go.GROUP}:")
    places = waiting.order_by("place").values_list("place", flat=True).distinct()
    return [group_id for place in places if (group_id := queues.group_in(place)) is not None]
