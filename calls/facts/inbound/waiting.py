"""What is to be done now about those who wait in a group, and when to look again. Pure.

`decide` takes all of a group's callers, members and offers, so that the oldest caller comes first.
It is to be asked whenever one of them changes, and at the moment that it names. Asked again after
all was done that it said, it says nothing more.

Who is rung: members who are available, reachable and not busy, and have not declined this caller.
Of everyone (or everyone after the contact's owner), all at once, and several callers at a time. One
at a time: who was never asked before who was asked longest ago; among these by how long they have
been idle, or by the order of the list; and nobody for whom another caller rings already.

Who is available, and has no page but a browser that can be told, is knocked: at once when a caller
comes, in whatever order the group rings, since it takes a moment to open a page. They are rung when
one of theirs is seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from calls.facts.inbound.plans import LATER, Go, Strategy, Target
from calls.facts.inbound.queues import (
    Agent,
    Availability,
    Caller,
    End,
    Offer,
    Queue,
    Rules,
    Wish,
)
from calls.facts.inbound.steps import (
    Action,
    EndOffer,
    GiveBack,
    Knock,
    MoveOn,
    Ring,
    SayPlace,
    SetAway,
    Why,
    after,
)

# When an agent for whom another group's caller rings is looked at again, at the latest.
ELSEWHERE = timedelta(seconds=5)
_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Decision:
    """`queue` is what it will be once all `actions` are done; `look_again` when it must be decided
    anew though nothing has changed, None: nobody waits.
    """

    actions: tuple[Action, ...]
    look_again: datetime | None
    queue: Queue


def decide(queue: Queue, now: datetime) -> Decision:
    """What is to be done at `now`, in this order."""
    done: list[Action] = []

    def do(actions: Sequence[Action]) -> bool:
        nonlocal queue
        for action in actions:
            queue = after(queue, action, now)
        done.extend(actions)
        return bool(actions)

    # What ends makes others end: who is set to Away rings nowhere, who has gone on rings no one.
    while do([*_ends(queue, now)]) or do([*islice(_goes(queue, now), 1)]):
        pass
    free = [agent for agent in queue.members() if _may_be_rung(queue, agent, now)]
    for caller in queue.in_line():
        do([Ring(caller.id, agent.id) for agent in _next(queue, caller, free, now)])
    do([*_knocks(queue, now)])
    do([*_places(queue, now)])
    ahead = (moment for moment in _moments(queue, now) if now < moment < _NEVER)
    return Decision(tuple(done), min(ahead, default=None), queue)


def _ends(queue: Queue, now: datetime) -> Iterator[Action]:
    """Winners who did not come, offers whose time or reason is over, agents who miss them."""
    for caller in queue.callers:
        if caller.claim and not caller.has_left and now - caller.claim.at >= queue.rules.join:
            yield GiveBack(caller.id, caller.claim.agent)
        for offer in caller.open_offers():
            end = _end_of(queue, caller, offer, now)
            if end is not None:
                by = caller.claim.agent if caller.claim and end == End.ANSWERED else ""
                yield EndOffer(caller.id, offer.agent, end, by)
    for agent in queue.agents:
        is_available = agent.availability == Availability.AVAILABLE
        if is_available and agent.missed_in_a_row >= queue.rules.most_missed:
            yield SetAway(agent.id)


def _end_of(queue: Queue, caller: Caller, offer: Offer, now: datetime) -> End | None:
    agent = queue.agent(offer.agent)
    if caller.claim is not None:
        return End.ANSWERED
    if caller.has_left:
        return End.LEFT
    if agent is None or not _may_be_rung(queue, agent, now):
        return End.UNAVAILABLE
    if offer.confirmed_at is None and now >= _confirmed_until(queue, agent, offer):
        return End.UNCONFIRMED
    return End.MISSED if now >= offer.offered_at + _step(queue) else None


def _goes(queue: Queue, now: datetime) -> Iterator[MoveOn]:
    """Callers who have waited enough, or in vain."""
    overflow = queue.group.overflow
    # Who is claimed may be given back: they keep their place among those who count.
    present = sorted((c.entered_at, c.id) for c in queue.callers if not c.has_left)
    for caller in queue.in_line():
        ahead = present.index((caller.entered_at, caller.id))
        if caller.wish == Wish.CALLBACK and queue.group.callback:
            yield MoveOn(caller.id, None, Why.WISH)
        elif caller.wish == Wish.MESSAGE and queue.group.box:
            yield MoveOn(caller.id, Target(Go.VOICEMAIL, queue.group.box), Why.WISH)
        elif overflow.full and overflow.most_waiting and ahead >= overflow.most_waiting:
            yield MoveOn(caller.id, overflow.full, Why.FULL)
        elif overflow.nobody and not _has_hope(queue, caller, now):
            yield MoveOn(caller.id, overflow.nobody, Why.NOBODY)
        elif not queue.group.members:
            yield MoveOn(caller.id, overflow.unanswered or LATER, Why.NOBODY)
        elif now >= _deadline(queue, caller):
            yield MoveOn(caller.id, overflow.unanswered or LATER, Why.UNANSWERED)


def _has_hope(queue: Queue, caller: Caller, now: datetime) -> bool:
    """Whether a member could take the caller, now or after what keeps them busy; for a moment after
    they came, also whether one might open a page.
    """
    rules, is_new = queue.rules, now < caller.entered_at + queue.rules.knock
    return any(
        agent.takes_calls(rules, now) or (is_new and agent.can_be_knocked(rules, now))
        for agent in queue.members()
        if agent.id not in _declined(caller)
    )


def _declined(caller: Caller) -> set[str]:
    return {offer.agent for offer in caller.offers if offer.end == End.DECLINED}


def _deadline(queue: Queue, caller: Caller) -> datetime:
    """When a caller goes on unanswered. Who was given back is rung for a step at least, once."""
    overflow = queue.group.overflow
    if overflow.unanswered is None:
        return caller.entered_at + queue.rules.longest
    until = caller.entered_at + timedelta(seconds=overflow.unanswered_seconds)
    if caller.returned_at is None:
        return until
    return min(until + _step(queue), max(until, caller.returned_at + _step(queue)))


def _next(queue: Queue, caller: Caller, free: Sequence[Agent], now: datetime) -> Sequence[Agent]:
    """Whom of those who may be rung to ring for a caller, beside those who ring for them."""
    last = {offer.agent: offer for offer in caller.offers}
    found = [agent for agent in free if now >= _asked_again_at(queue, last.get(agent.id))]
    strategy = queue.group.strategy
    if strategy == Strategy.OWNER_FIRST:
        if not caller.offers and any(agent.id == caller.owner for agent in found):
            return [agent for agent in found if agent.id == caller.owner]
        is_owners_step = len(caller.offers) == 1 and caller.offers[0].agent == caller.owner
        return [] if is_owners_step and caller.offers[0].is_open else found
    if strategy == Strategy.EVERYONE:
        return found
    if any(caller.open_offers()):
        return []

    ringing = {offer.agent for each in queue.callers for offer in each.open_offers()}

    def order(agent: Agent) -> tuple[datetime, datetime, int]:
        asked_at = last[agent.id].offered_at if agent.id in last else _EVER
        idle_since = agent.idle_since if strategy == Strategy.LONGEST_IDLE else _EVER
        return asked_at, idle_since, queue.group.members.index(agent.id)

    idle = (agent for agent in found if agent.id not in ringing and not agent.rings_elsewhere)
    return sorted(idle, key=order)[:1]


def _knocks(queue: Queue, now: datetime) -> Iterator[Knock]:
    """Agents who are told of the first caller who has come since they last were, if any."""
    line = queue.in_line()
    for agent in queue.members():
        at = agent.knocked_at or _EVER
        if not agent.can_be_knocked(queue.rules, now) or now - at < queue.rules.knock:
            continue
        new = (c for c in line if c.entered_at > at and agent.id not in _declined(c))
        if caller := next(new, None):
            yield Knock(caller.id, agent.id)


def _asked_again_at(queue: Queue, last: Offer | None) -> datetime:
    """From when on an agent may be rung whose last offer of this caller was this: who declined,
    never; who did not confirm, a step later, so that a page that is always late does not take all
    the time.
    """
    if last is None:
        return _EVER
    if last.is_open or last.ended_at is None or last.end == End.DECLINED:
        return _NEVER
    return last.ended_at + _step(queue) if last.end == End.UNCONFIRMED else _EVER


def _may_be_rung(queue: Queue, agent: Agent, now: datetime) -> bool:
    if agent.id not in queue.group.members or agent.is_busy(now):
        return False
    return agent.takes_calls(queue.rules, now)


def _places(queue: Queue, now: datetime) -> Iterator[SayPlace]:
    if queue.group.says_place:
        for place, caller in enumerate(queue.in_line(), 1):
            if place != caller.place_told and now >= _place_due(queue.rules, caller):
                yield SayPlace(caller.id, place)


def _place_due(rules: Rules, caller: Caller) -> datetime:
    return caller.place_told_at + rules.place_every if caller.place_told_at else _EVER


def _moments(queue: Queue, now: datetime) -> Iterator[datetime]:
    """When time alone may change the decision; some of them may be past."""
    rules, waiting = queue.rules, queue.in_line()
    for caller in queue.callers:
        if caller.claim and not caller.has_left:
            yield caller.claim.at + rules.join
    for place, caller in enumerate(waiting, 1):
        yield _deadline(queue, caller)
        if queue.group.says_place and place != caller.place_told:
            yield _place_due(rules, caller)
        for offer in caller.offers:
            agent = queue.agent(offer.agent)
            if agent is None:
                continue
            if not offer.is_open:
                yield _asked_again_at(queue, offer)
            elif offer.confirmed_at is None:
                yield _confirmed_until(queue, agent, offer)
            else:
                yield offer.offered_at + _step(queue)
    if not waiting:
        return
    for agent in queue.members():
        if agent.wrap_up_until is not None:
            yield agent.wrap_up_until
        if agent.seen_at is not None:
            yield agent.seen_at + rules.seen
        if agent.phone and agent.asleep_at is not None:
            yield agent.asleep_at + rules.phone_rest
        if agent.push:
            yield from (caller.entered_at + rules.knock for caller in waiting)
            yield (agent.knocked_at or _EVER) + rules.knock
        if agent.rings_elsewhere:
            yield now + ELSEWHERE


def _confirmed_until(queue: Queue, agent: Agent, offer: Offer) -> datetime:
    longest = queue.rules.phone_confirm if agent.phone else queue.rules.confirm
    return offer.offered_at + min(longest, _step(queue))


def _step(queue: Queue) -> timedelta:
    return timedelta(seconds=queue.group.step_seconds)
