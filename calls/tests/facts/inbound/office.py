"""An office to try the waiting of callers with: agents who answer, decline, sleep, crash and come
and go, callers who press keys or give up, and a clock that goes from one thing to the next.

It keeps rows as the product would, asks `decide` whenever something changes and when it was told
to, does what is said, and checks after each step what must always hold.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from calls.facts.inbound import checking, plans, waiting
from calls.facts.inbound.plans import Go, Group, Plan, Strategy, Target
from calls.facts.inbound.queues import (
    Agent,
    Availability,
    Caller,
    End,
    Offer,
    Queue,
    Rules,
    Verdict,
    Wish,
    claim,
)
from calls.facts.inbound.steps import Knock, MoveOn, Ring, Why

T0 = datetime(2026, 12, 7, 10, 0, tzinfo=UTC)
RULES = Rules(longest=timedelta(seconds=100))
PINGS = timedelta(seconds=15)


def seconds(count: float) -> timedelta:
    return timedelta(milliseconds=round(count * 1000))


@dataclass
class Line:
    """One call: where it is, and how it ended."""

    caller: Caller
    began: datetime
    group: str | None = None
    moves: int = 0
    end: str = ""
    ended_at: datetime | None = None
    winners: list[str] = field(default_factory=list)


class Office:
    def __init__(self, plan: Plan, seed: int, *, calls: int, people: tuple[str, ...]) -> None:
        self.plan, self.chance, self.now = plan, random.Random(seed), T0
        self.agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self.is_sound = not checking.problems(plan)
        self.count, self.is_news = 0, True
        self.again: datetime | None = None
        self.lines: dict[str, Line] = {}
        self.agents: dict[str, Agent] = {}
        self.pages: set[str] = set()
        self.log: list[tuple[datetime, str, object]] = []
        for name in people:
            self.add_agent(name)
        for number in range(calls):
            self.at(self.chance.uniform(0, 60), lambda name=f"c{number}": self.call(name))
        for _ in range(self.chance.randint(0, 12)):
            self.at(self.chance.uniform(0, 150), self.somebody_does_something)

    # What happens

    def at(self, later: float, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.agenda, (self.now + seconds(later), self.count, what))

    def add_agent(self, name: str) -> None:
        chance = self.chance
        self.agents[name] = Agent(
            name,
            chance.choice([*[Availability.AVAILABLE] * 4, *Availability]),
            idle_since=T0 - seconds(chance.randint(0, 500)),
            is_active=chance.random() < 0.95,
            phone=chance.random() < 0.15,
            push=chance.random() < 0.5,
        )
        if chance.random() < 0.8:
            self.pages.add(name)
        self.ping(name)

    def ping(self, name: str) -> None:
        if self.now < T0 + timedelta(minutes=10):
            self.at(PINGS.seconds, lambda: self.ping(name))
        if name in self.pages:
            was_there = self.agents[name].has_page(RULES, self.now)
            self.agents[name] = replace(self.agents[name], seen_at=self.now)
            # A sign of life alone changes nothing, and nothing else has been forgotten.
            self.is_news = not was_there
            is_due = self.is_news or (self.again is not None and self.again <= self.now)
            for group in () if is_due else self.plan.groups:
                assert not waiting.decide(self.queue(group), self.now).actions

    def somebody_does_something(self) -> None:
        name = self.chance.choice(list(self.agents))
        agent = self.agents[name]
        what = self.chance.randint(0, 4)
        if what < 2:
            chosen = self.chance.choice([*Availability, Availability.AVAILABLE])
            self.agents[name] = replace(agent, availability=chosen, missed_in_a_row=0)
        elif what == 2:
            self.pages.discard(name)
        elif what == 3:
            self.open_page(name)
        else:
            self.agents[name] = replace(agent, is_active=False)

    def call(self, name: str) -> None:
        owner = self.chance.choice(["", *self.agents])
        line = Line(Caller(name, self.now, self.now, owner), self.now)
        self.lines[name] = line
        self.lead(line, plans.begin(self.plan, self.now)[2])
        if self.chance.random() < 0.2:
            self.at(self.chance.uniform(0, 60), lambda: self.hang_up(line))

    def hang_up(self, line: Line) -> None:
        self.finish(line, "gave up")

    def finish(self, line: Line, end: str) -> None:
        if not line.end:
            line.end, line.ended_at = end, self.now
            line.caller = replace(line.caller, has_left=True)

    def lead(self, line: Line, target: Target | None) -> None:
        led = plans.onward(self.plan, target, line.moves)
        if led != target and line.moves < plans.MOST_MOVES:
            assert not self.is_sound, "a plan without problems leads nowhere"
        target = led
        line.moves += 1
        if target.go == Go.GROUP:
            line.caller, line.group = line.caller.entering(self.now), target.to
            for wish in Wish:
                if self.chance.random() < 0.1:
                    self.at(self.chance.uniform(0, 20), lambda w=wish: self.press(line, w))
        elif target.go == Go.MENU:
            line.group = None
            menu = self.plan.block(target)
            assert isinstance(menu, plans.Menu)
            self.listen(line, menu, 1)
        else:
            self.finish(line, target.go.value)

    def listen(self, line: Line, menu: plans.Menu, tries: int) -> None:
        key = self.chance.choice(["", *"1239"])

        def choose() -> None:
            if line.end:
                return
            led = plans.pressed(menu, key, tries)
            if led is None:
                self.listen(line, menu, tries + 1)
            else:
                self.lead(line, led)

        self.at(menu.seconds, choose)

    def press(self, line: Line, wish: Wish) -> None:
        line.caller = replace(line.caller, wish=wish)

    # What agents do about a ring

    def ring(self, action: Ring) -> None:
        line, name, chance = self.lines[action.caller], action.agent, self.chance
        entered = line.caller.entered_at
        if name in self.pages or self.agents[name].phone:
            if chance.random() < 0.9:
                self.at(chance.uniform(0.05, 2.5), lambda: self.confirm(line, name, entered))
            does = chance.random()
            later = chance.choice([0.5, 3, chance.uniform(0, 25)])
            if does < 0.25:
                self.at(later, lambda: self.answer(line, name))
            elif does < 0.4:
                self.at(later, lambda: self.decline(line, name))

    def knock(self, name: str) -> None:
        """Some open a page, soon or too late."""
        if self.chance.random() < 0.6:
            self.at(self.chance.uniform(0.5, 30), lambda: self.open_page(name))

    def open_page(self, name: str) -> None:
        self.pages.add(name)
        self.agents[name] = replace(self.agents[name], seen_at=self.now)

    def confirm(self, line: Line, name: str, entered: datetime) -> None:
        if line.caller.entered_at == entered:
            line.caller = line.caller.confirmed(name, self.now)
        if name in self.pages:
            self.agents[name] = replace(self.agents[name], seen_at=self.now)

    def decline(self, line: Line, name: str) -> None:
        line.caller = line.caller.ended(name, End.DECLINED, self.now)
        self.agents[name] = replace(self.agents[name], missed_in_a_row=0)

    def answer(self, line: Line, name: str) -> None:
        before, was_busy = line.caller, self.agents[name].in_call
        result = claim(before, self.agents[name], self.now)
        if result.verdict != Verdict.WON:
            assert result.caller is before
            assert (result.verdict == Verdict.TOO_LATE) == bool(before.claim or before.has_left)
            return
        if before.claim is not None:
            assert result.by == name and result.caller is before
            return
        assert before.open_offer_to(name) is not None and not was_busy
        line.caller = result.caller
        line.winners.append(name)
        for other in self.agents.values():  # a second answer of whoever, at the same moment
            again = claim(line.caller, other, self.now)
            assert (again.verdict == Verdict.WON) == (other.id == name)
            assert again.by == name
        self.agents[name] = replace(self.agents[name], in_call=True, missed_in_a_row=0)
        if self.chance.random() < 0.75:
            claimed = line.caller.claim
            self.at(self.chance.uniform(0.3, 9), lambda: self.join(line, name, claimed))
        else:
            self.pages.discard(name)

    def join(self, line: Line, name: str, claimed: object) -> None:
        if line.end or line.caller.claim != claimed:
            return  # too late: given back
        self.finish(line, "person")
        self.at(self.chance.uniform(2, 60), lambda: self.end_talk(name))

    def end_talk(self, name: str) -> None:
        until = self.now + seconds(self.chance.choice([0, 10]))
        agent = replace(self.agents[name], in_call=False, wrap_up_until=until, idle_since=self.now)
        self.agents[name] = agent

    # The product's part

    def queue(self, group: Group) -> Queue:
        lines = [line for line in self.lines.values() if line.group == group.id]
        others = {
            offer.agent
            for line in self.lines.values()
            if line.group != group.id
            for offer in line.caller.open_offers()
        }
        agents = tuple(replace(a, rings_elsewhere=a.id in others) for a in self.agents.values())
        present = tuple(x.caller for x in lines if not x.end or any(x.caller.open_offers()))
        return Queue(group, present, agents, RULES)

    def settle(self) -> datetime | None:
        """Decide and do until nothing is to be done; when to look again."""
        is_done = False
        while not is_done:
            is_done = True
            again: list[datetime | None] = []
            for group in self.plan.groups:
                queue = self.queue(group)
                decision = waiting.decide(queue, self.now)
                self.check(queue, decision)
                again.append(decision.look_again)
                if decision.actions:
                    is_done = False
                    self.do(decision)
        return min(filter(None, again), default=None)

    def do(self, decision: waiting.Decision) -> None:
        for agent in decision.queue.agents:
            self.agents[agent.id] = replace(agent, rings_elsewhere=False)
        for caller in decision.queue.callers:
            self.lines[caller.id].caller = caller
        for action in decision.actions:
            self.log.append((self.now, decision.queue.group.id, action))
            if isinstance(action, Ring):
                self.ring(action)
            elif isinstance(action, Knock):
                self.knock(action.agent)
            elif isinstance(action, MoveOn):
                line = self.lines[action.caller]
                if action.target is None:
                    self.finish(line, "callback")
                else:
                    self.lead(line, action.target)

    def run(self) -> None:
        again = self.again = self.settle()
        while self.agenda or again:
            if again is None and all(line.end for line in self.lines.values()):
                if not any(event for event in self.agenda if event[0] < T0 + seconds(61)):
                    break
            # A slow machine looks late.
            wake = again and again + seconds(self.chance.choice([0, 0, self.chance.uniform(0, 5)]))
            if self.agenda and (wake is None or self.agenda[0][0] <= wake):
                self.now, _, what = heapq.heappop(self.agenda)
                self.is_news = True
                what()
                if not self.is_news:
                    continue
            else:
                assert wake is not None
                self.now = max(self.now, wake)
            again = self.again = self.settle()
            assert self.now < T0 + timedelta(hours=2), "somebody waits for ever"

    # What must hold

    def check(self, queue: Queue, decision: waiting.Decision) -> None:
        now, after = self.now, decision.queue
        for caller in after.callers:
            self.check_patience(queue.group, caller)
            self.check_offers(queue.group, caller)
            rung = [offer.agent for offer in caller.open_offers()]
            assert len(rung) == len(set(rung)), "one ring each"
            assert caller.waits or not rung, "nobody rings for one who is gone or taken"
            assert all(self.could_ring(after, name) for name in rung)
            if caller.waits:
                self.check_order(queue.caller(caller.id), caller, after, rung)
        self.check_fairness(after, decision)
        self.check_knocks(queue, decision)
        if decision.actions or self.chance.random() < 0.1:
            again = waiting.decide(after, now)
            assert not again.actions, (decision.actions, again.actions)
            assert again.look_again == decision.look_again
            mixed = replace(queue, agents=queue.agents[::-1], callers=queue.callers[::-1])
            assert {*waiting.decide(mixed, now).actions} == {*decision.actions}
        if decision.look_again is not None and self.chance.random() < 0.3:
            until = (decision.look_again - now).total_seconds()
            for part in (0.5, 0.999):
                sooner = waiting.decide(after, now + timedelta(seconds=until * part))
                assert not sooner.actions, (sooner.actions, decision.look_again)

    def check_knocks(self, before: Queue, decision: waiting.Decision) -> None:
        """Who could open a page is told, soon and not too often, and waited for a moment only."""
        now, after = self.now, decision.queue
        told = [action for action in decision.actions if isinstance(action, Knock)]
        for name in dict.fromkeys(after.group.members):
            agent, was = after.agent(name), before.agent(name)
            if agent is None or was is None:
                continue
            last = was.knocked_at
            is_rested = last is None or now >= last + RULES.knock
            may = self.could_open(after, name) and is_rested
            wanted = [
                caller.id
                for caller in after.in_line()
                if (last is None or caller.entered_at > last) and not self.declined(caller, name)
            ]
            knocks = [action.caller for action in told if action.agent == name]
            assert knocks == (wanted[:1] if may else []), (name, knocks, wanted, may)
        for action in decision.actions:
            if isinstance(action, MoveOn) and action.why is Why.NOBODY and before.group.members:
                caller = before.caller(action.caller)
                if now < caller.entered_at + RULES.knock:
                    members = [n for n in before.group.members if not self.declined(caller, n)]
                    assert not any(self.could_open(after, name) for name in members)

    def declined(self, caller: Caller, name: str) -> bool:
        return any(o.agent == name and o.end == End.DECLINED for o in caller.offers)

    def could_open(self, queue: Queue, name: str) -> bool:
        """Whether somebody wants calls, and only lacks a page, which they can be told to open."""
        agent, now = queue.agent(name), self.now
        if agent is None or not (agent.push and agent.is_active) or agent.in_call:
            return False
        if agent.wrap_up_until is not None and now < agent.wrap_up_until:
            return False
        return agent.availability == Availability.AVAILABLE and not self.could_ring(queue, name)

    def check_patience(self, group: Group, caller: Caller) -> None:
        """Nobody waits longer than the plan says, but for a winner who did not come."""
        most = seconds(group.overflow.unanswered_seconds)
        if group.overflow.unanswered is None:
            most = RULES.longest
        elif caller.returned_at:
            most += seconds(group.step_seconds)
        assert not caller.waits or self.now < caller.entered_at + most
        if caller.claim and not caller.has_left:
            assert self.now < caller.claim.at + RULES.join

    def check_offers(self, group: Group, caller: Caller) -> None:
        step = seconds(group.step_seconds)
        for number, offer in enumerate(caller.offers):
            phone = self.agents[offer.agent].phone
            confirm = min(step, RULES.phone_confirm if phone else RULES.confirm)
            if offer.is_open:
                assert self.now < offer.offered_at + (step if offer.confirmed_at else confirm)
            for later in caller.offers[number + 1 :]:
                if later.agent == offer.agent:
                    assert offer.ended_at and offer.ended_at <= later.offered_at
                    assert offer.end != End.DECLINED, "who declined is not asked again"
                    rest = step if offer.end == End.UNCONFIRMED else timedelta()
                    assert later.offered_at >= offer.ended_at + rest

    def could_ring(self, queue: Queue, name: str) -> bool:
        """Whether somebody may be rung at all, by what the office knows of them."""
        agent, now = queue.agent(name), self.now
        if agent is None or name not in queue.group.members or not agent.is_active:
            return False
        if agent.availability != Availability.AVAILABLE or agent.in_call:
            return False
        if agent.wrap_up_until is not None and now < agent.wrap_up_until:
            return False
        has_slept = agent.asleep_at is not None
        is_seen = agent.seen_at is not None and now - agent.seen_at < RULES.seen
        if is_seen and not (has_slept and agent.asleep_at >= agent.seen_at):  # type: ignore[operator]
            return True
        return agent.phone and not (has_slept and now < agent.asleep_at + RULES.phone_rest)  # type: ignore[operator]

    def would_take(self, queue: Queue, caller: Caller, name: str) -> bool:
        """Whether somebody could be rung for this caller, and is not being rung for them."""
        for offer in caller.offers:
            if offer.agent == name and (offer.is_open or offer.end == End.DECLINED):
                return False
        mine = [offer for offer in caller.offers if offer.agent == name]
        if mine and mine[-1].end == End.UNCONFIRMED:
            if self.now < mine[-1].ended_at + seconds(queue.group.step_seconds):  # type: ignore[operator]
                return False
        return self.could_ring(queue, name)

    def check_order(self, before: Caller, caller: Caller, queue: Queue, rung: list[str]) -> None:
        strategy, members = queue.group.strategy, queue.group.members
        idle = {name for name in members if self.would_take(queue, caller, name)}
        first = caller.offers[0] if caller.offers else None
        if strategy == Strategy.EVERYONE:
            assert not idle, "everyone who can be is rung"
        elif strategy == Strategy.OWNER_FIRST:
            if first and first.is_open and first.agent == caller.owner and len(caller.offers) == 1:
                assert rung == [caller.owner], "the owner alone, for a step"
            else:
                assert not idle, "then everyone"
            if not before.offers and first and self.could_ring(queue, caller.owner):
                assert first.agent == caller.owner
        else:
            assert len(rung) <= 1, "one at a time"
            new = caller.offers[len(before.offers) :]
            if new:
                self.check_choice(caller, queue, idle)
            for offer in new:
                others = [each for each in queue.callers if each.id != caller.id]
                assert not any(each.open_offer_to(offer.agent) for each in others)
                agent = queue.agent(offer.agent)
                assert agent is not None and not agent.rings_elsewhere
            if not rung:
                assert all(self.is_ringing(queue, name) for name in idle), "nobody waits in vain"

    def is_ringing(self, queue: Queue, name: str) -> bool:
        agent = queue.agent(name)
        here = any(caller.open_offer_to(name) for caller in queue.callers)
        return here or (agent is not None and agent.rings_elsewhere)

    def check_choice(self, caller: Caller, queue: Queue, idle: set[str]) -> None:
        """Who was chosen comes before all who were left."""

        def order(name: str, offers: tuple[Offer, ...]) -> tuple[object, ...]:
            asked = max((o.offered_at for o in offers if o.agent == name), default=None)
            agent = queue.agent(name)
            assert agent is not None
            is_by_idleness = queue.group.strategy == Strategy.LONGEST_IDLE
            place = queue.group.members.index(name)
            return (
                asked is not None,
                asked or T0,
                agent.idle_since if is_by_idleness else T0,
                place,
            )

        *old, chosen = caller.offers
        for name in idle:
            if not self.is_ringing(queue, name):
                assert order(chosen.agent, tuple(old)) < order(name, tuple(old))

    def check_fairness(self, queue: Queue, decision: waiting.Decision) -> None:
        """Nobody is rung for a younger caller while an older one has none and could have them."""
        if queue.group.strategy in (Strategy.EVERYONE, Strategy.OWNER_FIRST):
            return
        line = queue.in_line()
        for number, older in enumerate(line):
            if any(older.open_offers()):
                continue
            younger = {caller.id for caller in line[number + 1 :]}
            for action in decision.actions:
                if isinstance(action, Ring) and action.caller in younger:
                    assert not self.would_take(queue, older, action.agent)
