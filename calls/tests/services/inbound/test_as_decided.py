"""The rows are what the pure decision says: an office of the decision's own tests, whose agents and
callers act on rows as well, by the services. Whenever something is decided, the rows are the queue
that it is decided about, and afterwards what the decision makes of it.

INBOUND_EXAMPLES makes more of them (`./test inbound`).
"""

import os
import random
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from calls.facts.inbound import plans, waiting
from calls.facts.inbound.plans import Go, Strategy, Target
from calls.facts.inbound.queues import Availability, Caller, End, Queue, Wish
from calls.facts.inbound.steps import Knock, MoveOn
from calls.facts.refusals import Refusal
from calls.models import (
    AgentAvailability,
    CallLeg,
    Group,
    GroupMember,
    OwnPhone,
    PushSubscription,
    VoicemailBox,
)
from calls.models import Caller as Row
from calls.selectors import queues
from calls.selectors.plans import anywhere
from calls.services.inbound import availability, groups, offers, phones
from calls.tests.builders import an_inbound_call
from calls.tests.facts.inbound.office import RULES, Line, Office
from calls.tests.push_service import WEB_PUSH
from calls.tests.services.inbound.floor import somebody
from contacts.models import Contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

EXAMPLES = int(os.environ.get("INBOUND_EXAMPLES", "4"))


class Rows(Office):
    """An office that acts on the rows of a workspace, too."""

    def __init__(
        self, tenant: Any, people: dict[str, Membership], plan: plans.Plan, seed: int, calls: int
    ) -> None:
        self.tenant, self.people = tenant, people
        self.row_of: dict[str, Row] = {}
        self.made: set[str] = set()
        self.decided = self.refused = 0
        super().__init__(plan, seed, calls=calls, people=tuple(people))

    # What happens, to rows as well

    def add_agent(self, name: str) -> None:
        super().add_agent(name)
        agent = self.agents[name]
        with tenant_transaction(self.tenant.pk):
            if agent.phone:
                phone = {"number": "+14155550120", "confirmed_at": self.now}
                OwnPhone.objects.create(user_id=self.people[name].user_id, **phone)
            AgentAvailability.objects.create(
                user_id=self.people[name].user_id,
                availability=agent.availability,
                idle_since=agent.idle_since,
                seen_at=agent.seen_at,
            )
            if agent.push:
                PushSubscription.objects.create(user_id=self.people[name].user_id)
        self.set_active(name, agent.is_active)
        self.made.add(name)

    def set_active(self, name: str, is_active: bool) -> None:
        with tenant_transaction(self.tenant.pk):
            Membership.objects.filter(pk=self.people[name].pk).update(is_active=is_active)

    def ping(self, name: str) -> None:
        super().ping(name)
        if name in self.pages and name in self.made:
            availability.note_seen(self.people[name], now=self.now)

    def open_page(self, name: str) -> None:
        super().open_page(name)
        availability.note_seen(self.people[name], now=self.now)

    def somebody_does_something(self) -> None:
        before = dict(self.agents)
        super().somebody_does_something()
        for name, agent in self.agents.items():
            was, member = before[name], self.people[name]
            if agent is was:
                continue
            if agent.seen_at != was.seen_at:
                availability.note_seen(member, now=self.now)
            elif agent.is_active != was.is_active:
                self.set_active(name, agent.is_active)
            else:
                availability.choose(member, agent.availability, now=self.now)
                if agent.availability == Availability.AVAILABLE != was.availability:
                    self.agents[name] = replace(agent, idle_since=self.now)

    def call(self, name: str) -> None:
        """Under the name that the row has."""
        with tenant_transaction(self.tenant.pk):
            contact = Contact.objects.order_by("?").first()
        row = an_inbound_call(self.tenant, contact=contact)
        key = f"{row.pk:020}"
        self.row_of[key] = row
        line = Line(Caller(key, self.now, self.now, self.owner_of(contact)), self.now)
        self.lines[key] = line
        self.lead(line, plans.begin(self.plan, self.now)[2])
        if self.chance.random() < 0.2:
            self.at(self.chance.uniform(0, 60), lambda: self.hang_up(line))

    def owner_of(self, contact: Contact) -> str:
        return contact.owner_id.hex if contact.owner_id else ""

    def locked(self, line: Line) -> Row:
        return Row.objects.select_for_update().get(pk=self.row_of[line.caller.id].pk)

    def lead(self, line: Line, target: Target | None) -> None:
        super().lead(line, target)
        if line.group is not None and not line.end:
            with tenant_transaction(self.tenant.pk):
                groups.enter(self.locked(line), UUID(line.group), now=self.now)

    def hang_up(self, line: Line) -> None:
        if not line.end:
            with tenant_transaction(self.tenant.pk):
                groups.leave(self.locked(line), now=self.now)
            self.end_offers(line, End.LEFT)  # which the rows do at once
            if line.caller.claim is not None:
                winner = self.agents[line.caller.claim.agent]
                self.agents[winner.id] = replace(winner, in_call=False)
        super().hang_up(line)

    def end_offers(self, line: Line, end: End) -> None:
        for offer in list(line.caller.open_offers()):
            line.caller = line.caller.ended(offer.agent, end, self.now)

    def press(self, line: Line, wish: Wish) -> None:
        super().press(line, wish)
        with tenant_transaction(self.tenant.pk):
            Row.objects.filter(pk=self.row_of[line.caller.id].pk).update(wish=wish.value)

    def confirm(self, line: Line, name: str, entered: datetime) -> None:
        is_late = line.caller.entered_at != entered
        super().confirm(line, name, entered)
        if not is_late:
            offers.confirm(self.people[name], [self.call_of(line)], now=self.now)
        if name in self.pages:
            availability.note_seen(self.people[name], now=self.now)

    def decline(self, line: Line, name: str) -> None:
        was_open = line.caller.open_offer_to(name) is not None
        missed = self.agents[name].missed_in_a_row
        super().decline(line, name)
        if not was_open:  # of what does not ring any more nothing is heard
            self.agents[name] = replace(self.agents[name], missed_in_a_row=missed)
        offers.decline(self.people[name], self.call_of(line), now=self.now)

    def call_of(self, line: Line) -> Any:
        return self.row_of[line.caller.id].call_id

    def answer(self, line: Line, name: str) -> None:
        had, was_left = line.caller.claim, bool(line.end)
        super().answer(line, name)
        claim = line.caller.claim
        try:
            offers.claim(self.people[name], self.call_of(line), now=self.now)
        except Refusal as refusal:
            self.refused += 1
            assert claim == had and (claim is None or claim.agent != name or was_left), refusal
        else:
            assert claim is not None and claim.agent == name
            self.end_offers(line, End.ANSWERED)

    def join(self, line: Line, name: str, claimed: object) -> None:
        is_in_time = not line.end and line.caller.claim == claimed
        if is_in_time:
            room = self.row_of[line.caller.id].call.conference
            with tenant_transaction(self.tenant.pk):
                legs = CallLeg.objects.filter(conference=room, party="contact")
                legs.update(joined_at=self.now)
                groups.leave(self.locked(line), now=self.now)
                CallLeg.objects.create(
                    conference=room,
                    party="agent",
                    user_id=self.people[name].user_id,
                    status="in-progress",
                    joined_at=self.now,
                )
        super().join(line, name, claimed)

    def end_talk(self, name: str) -> None:
        super().end_talk(name)
        own = {"user_id": self.people[name].user_id}
        with tenant_transaction(self.tenant.pk):
            CallLeg.objects.filter(**own, left_at=None).update(left_at=self.now)
            until = self.agents[name].wrap_up_until
            AgentAvailability.objects.filter(**own).update(wrap_up_until=until)

    # What the rows are

    def check(self, queue: Queue, decision: waiting.Decision) -> None:
        super().check(queue, decision)
        self.decided += bool(decision.actions)
        group_id = UUID(queue.group.id)
        assert self.read(queue) == self.known(queue)
        tended = groups.tend(self.tenant.pk, group_id, now=self.now)
        assert tended.look_again == decision.look_again
        moved = [self.row_of[a.caller].call_id for a in decision.actions if isinstance(a, MoveOn)]
        assert tended.led_on == moved
        assert [*tended.knocks] == [
            (self.people[action.agent].user_id, self.row_of[action.caller].call_id)
            for action in decision.actions
            if isinstance(action, Knock)
        ]
        assert self.read(queue) == self.known(decision.queue)

    def known(self, queue: Queue) -> list[tuple[str, str, Any]]:
        callers = (each for each in queue.callers if not each.has_left)
        return self.told([*callers, *queue.members()])

    def told(self, facts: Any) -> list[tuple[str, str, Any]]:
        """Each thing that is known of callers and members, so that one sees which differs. Since
        when somebody in a call was idle before is nothing to anybody.
        """
        return sorted(
            (fact.id, name, value)
            for fact in facts
            for name, value in vars(fact).items()
            if name != "idle_since" or not fact.in_call
        )

    def read(self, queue: Queue) -> list[tuple[str, str, Any]]:
        group_id = UUID(queue.group.id)
        with tenant_transaction(self.tenant.pk):
            facts = [each.fact for each in queues.callers_in(group_id)]
            members = queues.members_of(group_id)
        return self.told([*(fact for fact in facts if not fact.has_left), *members])


def furnish(tenant: Any, people: dict[str, Membership], chance: random.Random) -> plans.Plan:
    """Groups of some of these people, in rows, and the plan that they are."""
    owners = [None, *people.values()]
    with tenant_transaction(tenant.pk):
        for number in range(3):
            owner = chance.choice(owners)
            Contact.objects.create(name=f"C{number}", owner_id=owner and owner.user_id)
        box = VoicemailBox.objects.create(name="Office")
        rows = [Group(name=f"G{number}") for number in range(chance.randint(1, 3))]
        places = ["later", f"voicemail:{box.pk.hex}", *(queues.place_of(row.pk) for row in rows)]
        for row in rows:
            row.strategy = chance.choice([*Strategy])
            row.step_seconds = chance.choice([5, 10, 20])
            row.unanswered = chance.choice(places)
            row.unanswered_seconds = chance.choice([10, 30, 60])
            row.nobody = chance.choice(["", *places])
            row.most_waiting = chance.choice([None, 1, 2])
            row.full = chance.choice(["", *places])
            row.callback, row.box = chance.random() < 0.5, chance.choice([None, box])
            row.save()
            some = chance.sample([*people.values()], chance.randint(1, len(people)))
            for position, member in enumerate(some):
                GroupMember.objects.create(group=row, user_id=member.user_id, position=position)
        # What is said of their place is told by the document that they hear.
        plan = anywhere()
        quiet = tuple(replace(group, says_place=False) for group in plan.groups)
        return replace(plan, groups=quiet, when_open=Target(Go.GROUP, chance.choice(rows).pk.hex))


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_rows_are_what_is_decided(cast: Any, monkeypatch: Any, settings: Any, seed: int) -> None:
    monkeypatch.setattr(queues, "RULES", RULES)
    settings.WEB_PUSH = WEB_PUSH
    monkeypatch.setattr(phones, "begin", lambda *agents, now: None)  # the office rings them itself
    chance = random.Random(seed)
    members = [cast.alice, cast.bob, somebody(cast.acme, "Dora"), somebody(cast.acme, "Emil")]
    people = {member.user_id.hex: member for member in members}
    plan = furnish(cast.acme, people, chance)
    office = Rows(cast.acme, people, plan, seed, calls=4)
    office.run()
    assert office.decided > 1, "nothing was decided"
    with tenant_transaction(cast.acme.pk):
        assert not Row.objects.filter(left_at=None, call__caller__claimed_at=None).exists()
