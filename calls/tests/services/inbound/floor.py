"""Groups with members and callers, as rows: what tests of whom they are offered to use."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from calls.facts.inbound.queues import Availability
from calls.models import AgentAvailability, Caller, Group, GroupMember, Offer
from calls.services.inbound import availability, groups, offers
from calls.tests.builders import an_inbound_call
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role
from tenants.people.services import add_member


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def somebody(tenant: Any, name: str) -> Membership:
    """An agent of the workspace, made for a test."""
    email = f"{name.lower()}@{tenant.slug}.example"
    member, _ = add_member(tenant, email=email, role=Role.AGENT, name=name)
    return member


class Floor:
    """A workspace's calls that come in, its clock, and what agents and callers do."""

    def __init__(self, tenant: Any) -> None:
        self.tenant, self.now = tenant, timezone.now()

    def group(self, members: Sequence[Membership], **fields: Any) -> Group:
        fields = {"name": "Sales", "unanswered": "later"} | fields
        with tenant_transaction(self.tenant.pk):
            group = Group.objects.create(**fields)
            for position, member in enumerate(members):
                GroupMember.objects.create(group=group, user=member.user, position=position)
        return group

    def is_there(self, *members: Membership) -> None:
        """They are available, with a page that has just answered."""
        for member in members:
            availability.choose(member, Availability.AVAILABLE, now=self.now)
            availability.note_seen(member, now=self.now)

    def call(self, group: Group, **fields: Any) -> Caller:
        """Somebody calls, and waits in a group."""
        caller = an_inbound_call(self.tenant, **fields)
        self.enter(caller, group)
        return caller

    def enter(self, caller: Caller, group: Group) -> None:
        with tenant_transaction(self.tenant.pk):
            locked = Caller.objects.select_for_update().get(pk=caller.pk)
            groups.enter(locked, group.pk, now=self.now)

    def tend(self, group: Group) -> groups.Tended:
        return groups.tend(self.tenant.pk, group.pk, now=self.now)

    def hang_up(self, caller: Caller) -> None:
        with tenant_transaction(self.tenant.pk):
            groups.leave(Caller.objects.get(pk=caller.pk), now=self.now)

    def answer(self, member: Membership, caller: Caller) -> UUID:
        return offers.claim(member, caller.call_id, now=self.now)

    def later(self, count: float) -> None:
        self.now += seconds(count)

    # What the rows say

    def offers(self, caller: Caller) -> list[tuple[str, str]]:
        """(whom, how it ended, "" while it rings), oldest first."""
        with tenant_transaction(self.tenant.pk):
            found = Offer.objects.filter(caller=caller.pk).select_related("user")
            return [(offer.user.name, offer.end) for offer in found.order_by("offered_at", "pk")]

    def rings_at(self, caller: Caller) -> set[str]:
        return {name for name, end in self.offers(caller) if not end}

    def fresh(self, row: Any) -> Any:
        with tenant_transaction(self.tenant.pk):
            return type(row).objects.get(pk=row.pk)

    def availability_of(self, member: Membership) -> AgentAvailability:
        with tenant_transaction(self.tenant.pk):
            return AgentAvailability.objects.get(user=member.user_id)
