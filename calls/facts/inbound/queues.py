"""What is known of a group's callers, its members and the offers between them. Pure.

Ringing is ours: an *offer* of a caller to an agent, which a page of theirs confirms, and which one
agent *claims*. `waiting` decides from a `Queue` what is to be done; here is what it is made of, and
what each thing that happens changes in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from calls.facts.inbound.plans import Group


@dataclass(frozen=True)
class Rules:
    """What holds for all groups. `confirm` and `phone_confirm`: within which an offer is confirmed
    by a page, or by the network that rings an agent's own phone; `join`: within which the winner
    comes into the room; `seen`: for which a page that has answered is believed to be there, and
    `phone_rest` for which a phone that did not ring is left alone; `knock`: for which a caller
    waits for who is told of them and has no page, and which is between two knocks at an agent.
    """

    confirm: timedelta = timedelta(seconds=2)
    phone_confirm: timedelta = timedelta(seconds=10)
    join: timedelta = timedelta(seconds=8)
    seen: timedelta = timedelta(seconds=45)
    phone_rest: timedelta = timedelta(minutes=2)
    knock: timedelta = timedelta(seconds=20)
    most_missed: int = 2  # in a row; then an agent is set to Away
    place_every: timedelta = timedelta(seconds=45)
    longest: timedelta = timedelta(hours=1)  # in a group whose plan has no end for it


class Availability(StrEnum):
    """What agents choose; but for offers missed in a row, it changes by hand alone."""

    AVAILABLE = "available"
    AWAY = "away"
    DO_NOT_DISTURB = "do-not-disturb"


class Presence(StrEnum):
    """What is shown beside a name: what they chose, or what lies over it."""

    AVAILABLE = "available"
    AWAY = "away"
    DO_NOT_DISTURB = "do-not-disturb"
    IN_A_CALL = "in-a-call"
    WRAPPING_UP = "wrapping-up"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Agent:
    """A member of the workspace. `is_active`: not deactivated, and a member still. `seen_at`: when
    a page of theirs last answered a receipt; `asleep_at`: when an offer or claim of theirs last
    came to nothing because none did. `phone`: their own phone is rung, too. `in_call` begins with
    the claim; `rings_elsewhere`: another group's caller is offered to them. `push`: a browser of
    theirs can be told of a caller while none of its pages is open, last at `knocked_at`.
    """

    id: str
    availability: Availability
    idle_since: datetime
    is_active: bool = True
    seen_at: datetime | None = None
    asleep_at: datetime | None = None
    phone: bool = False
    in_call: bool = False
    wrap_up_until: datetime | None = None
    missed_in_a_row: int = 0
    rings_elsewhere: bool = False
    push: bool = False
    knocked_at: datetime | None = None

    def has_page(self, rules: Rules, now: datetime) -> bool:
        """Whether a page of theirs would confirm an offer, as far as is known."""
        if self.seen_at is None or now - self.seen_at >= rules.seen:
            return False
        return self.asleep_at is None or self.seen_at > self.asleep_at

    def is_reachable(self, rules: Rules, now: datetime) -> bool:
        """Whether a page or phone of theirs could ring, or they talk by one."""
        has_phone = self.phone and (
            self.asleep_at is None or now - self.asleep_at >= rules.phone_rest
        )
        return self.in_call or has_phone or self.has_page(rules, now)

    def is_busy(self, now: datetime) -> bool:
        return self.in_call or (self.wrap_up_until is not None and now < self.wrap_up_until)

    def takes_calls(self, rules: Rules, now: datetime) -> bool:
        """Whether they can be rung, now or as soon as they are not busy."""
        is_available = self.is_active and self.availability == Availability.AVAILABLE
        return is_available and self.is_reachable(rules, now)

    def can_be_knocked(self, rules: Rules, now: datetime) -> bool:
        """Whether all that they lack to be rung is a page, which they can be told to open."""
        is_wanting = self.is_active and self.availability == Availability.AVAILABLE
        is_near = self.is_busy(now) or self.is_reachable(rules, now)
        return self.push and is_wanting and not is_near

    def presence(self, rules: Rules, now: datetime) -> Presence:
        if not self.is_active:
            return Presence.OFFLINE
        if self.in_call:
            return Presence.IN_A_CALL
        if self.is_busy(now):
            return Presence.WRAPPING_UP
        if not self.is_reachable(rules, now):
            return Presence.OFFLINE
        return Presence(self.availability)


class End(StrEnum):
    """Of an offer."""

    CLAIMED = "claimed"
    DECLINED = "declined"
    MISSED = "missed"  # it rang to the end of its step
    UNCONFIRMED = "unconfirmed"  # no page said in time that it rings: it counts for nothing
    ANSWERED = "answered"  # by somebody else
    LEFT = "left"  # the caller gave up, or has gone on
    UNAVAILABLE = "unavailable"  # the agent is in a call, away, gone


@dataclass(frozen=True)
class Offer:
    """Of a caller to an agent; open while it has no `end`."""

    agent: str
    offered_at: datetime
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    end: End | None = None

    @property
    def is_open(self) -> bool:
        return self.end is None


class Wish(StrEnum):
    """What a caller has asked for by a key while they wait."""

    CALLBACK = "callback"
    MESSAGE = "message"


def wishes(group: Group, *, may_be_called: bool) -> dict[str, Wish]:
    """What the keys do for whom waits in a group; a caller without a number is not called back."""
    found = {}
    if group.callback and may_be_called:
        found["1"] = Wish.CALLBACK
    if group.box:
        found["2"] = Wish.MESSAGE
    return found


@dataclass(frozen=True)
class Claim:
    """The one agent who takes a caller, from `at` on."""

    agent: str
    at: datetime


@dataclass(frozen=True)
class Caller:
    """Who waits in a group: in any `since`, in this one from `entered_at` on, and of its `offers`
    all since then, oldest first. `owner` is the contact's, or "". `returned_at`: when they were
    given back as their winner did not come. `has_left`: they hung up, went on, or talk.
    """

    id: str
    since: datetime
    entered_at: datetime
    owner: str = ""
    offers: tuple[Offer, ...] = ()
    wish: Wish | None = None
    claim: Claim | None = None
    returned_at: datetime | None = None
    place_told: int | None = None
    place_told_at: datetime | None = None
    has_left: bool = False

    @property
    def waits(self) -> bool:
        """For an agent: nobody has claimed them."""
        return self.claim is None and not self.has_left

    def open_offers(self) -> Iterator[Offer]:
        return (offer for offer in self.offers if offer.is_open)

    def open_offer_to(self, agent: str) -> Offer | None:
        return next((offer for offer in self.open_offers() if offer.agent == agent), None)

    def ended(self, agent: str, end: End, at: datetime) -> "Caller":
        """With the agent's open offer at its end; unchanged if there is none."""
        return self._with_offer(agent, ended_at=at, end=end)

    def confirmed(self, agent: str, at: datetime) -> "Caller":
        """A page of the agent's shows that it rings. The first time counts."""
        offer = self.open_offer_to(agent)
        if offer is None or offer.confirmed_at is not None:
            return self
        return self._with_offer(agent, confirmed_at=at)

    def entering(self, at: datetime) -> "Caller":
        """The same caller as they come into another group."""
        return Caller(self.id, self.since, at, self.owner)

    def _with_offer(self, agent: str, **changes: Any) -> "Caller":
        offers = tuple(
            replace(offer, **changes) if offer.is_open and offer.agent == agent else offer
            for offer in self.offers
        )
        return replace(self, offers=offers)


@dataclass(frozen=True)
class Queue:
    """A group with all its callers, and all its members who are there."""

    group: Group
    callers: tuple[Caller, ...] = ()
    agents: tuple[Agent, ...] = ()
    rules: Rules = Rules()

    def caller(self, id: str) -> Caller:
        return next(caller for caller in self.callers if caller.id == id)

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        return {agent.id: agent for agent in self.agents}

    def agent(self, id: str) -> Agent | None:
        return self._agents.get(id)

    def members(self) -> Iterator[Agent]:
        """Those of the group, in the order of its list."""
        found = (self.agent(id) for id in dict.fromkeys(self.group.members))
        return (agent for agent in found if agent is not None)

    def in_line(self) -> list[Caller]:
        """Those who wait: first who was given back, then the oldest."""
        waiting = [caller for caller in self.callers if caller.waits]
        return sorted(waiting, key=lambda each: (each.returned_at is None, each.since, each.id))

    def place_of(self, caller: str) -> int | None:
        """1 for who is next; None for who does not wait."""
        ids = [each.id for each in self.in_line()]
        return ids.index(caller) + 1 if caller in ids else None


class Verdict(StrEnum):
    WON = "won"
    TOO_LATE = "too-late"  # `by` whom it was answered; "": the caller has left
    NOT_OFFERED = "not-offered"


@dataclass(frozen=True)
class Claimed:
    """What a claim came to, and the caller after it."""

    verdict: Verdict
    caller: Caller
    by: str = ""


def claim(caller: Caller, agent: Agent, at: datetime) -> Claimed:
    """An agent answers. One wins, and the same agent again has won still; an offer that is open
    counts though its time is over, as long as nobody has ended it.
    """
    if caller.claim is not None:
        verdict = Verdict.WON if caller.claim.agent == agent.id else Verdict.TOO_LATE
        return Claimed(verdict, caller, caller.claim.agent)
    if caller.has_left:
        return Claimed(Verdict.TOO_LATE, caller)
    if caller.open_offer_to(agent.id) is None or agent.in_call or not agent.is_active:
        return Claimed(Verdict.NOT_OFFERED, caller)
    won = replace(caller.ended(agent.id, End.CLAIMED, at), claim=Claim(agent.id, at))
    return Claimed(Verdict.WON, won, agent.id)
