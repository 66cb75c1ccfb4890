"""Who has called and waits in a group, and what becomes of them, by rows and events."""

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from calls.facts import states
from calls.facts.inbound.missed import WAITING
from calls.gateway.accounts import account_of
from calls.models import Caller, CallEvent, CallLeg, CallLog, Conference
from calls.services.inbound import events, meeting
from calls.services.rooms import progress
from calls.tests.builders import an_inbound_call
from calls.tests.conftest import admitted
from tenants.fence.context import tenant_transaction

GROUP = uuid.uuid4()


@dataclass
class Line:
    """A caller in a group, and the agents who take them."""

    tenant: Any
    caller: Caller
    call_id: uuid.UUID
    room_id: uuid.UUID
    leg: CallLeg
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def claim(self, member: Any, *, ago: float = 1) -> None:
        at = timezone.now() - timedelta(seconds=ago)
        with tenant_transaction(self.tenant.pk):
            Caller.objects.update(claimed_at=at)
            Conference.objects.filter(pk=self.room_id).update(agent=member.user)

    def room(self) -> Conference:
        with tenant_transaction(self.tenant.pk):
            return Conference.objects.get(pk=self.room_id)

    def call(self) -> CallLog:
        with tenant_transaction(self.tenant.pk):
            return CallLog.objects.get(pk=self.call_id)

    def fresh(self) -> Caller:
        with tenant_transaction(self.tenant.pk):
            return Caller.objects.get(pk=self.caller.pk)

    def connect(self, member: Any) -> CallLeg:
        """The browser of the winner connects, and its leg joins."""
        leg = self.admit(member)
        self.hear(states.CONFERENCE, "participant-join", leg)
        return leg

    def admit(self, member: Any) -> CallLeg:
        request_id = self.room().client_request_id
        return admitted(member, account_of(self.tenant.pk), request_id)[1]

    def hear(self, kind: str, name: str, leg: CallLeg, **more: Any) -> Conference | None:
        number = next(self.numbers)
        heard = progress.Heard(
            kind=kind,
            name=name,
            at=more.pop("at", None) or timezone.now(),
            payload={"n": str(number), "room": self.room_id.hex},
            sequence=number,
            call_sid=leg.call_sid or "",
            **more,
        )
        return progress.hear(self.tenant.pk, heard, leg_id=leg.pk)

    def tend(self) -> meeting.Tended:
        return meeting.tend(self.tenant.pk, self.room_id)

    def of_way(self) -> list[str]:
        with tenant_transaction(self.tenant.pk):
            found = CallEvent.objects.filter(leg=self.leg, kind="local").order_by("sequence")
            return list(found.values_list("name", flat=True))


def a_line(tenant: Any, **more: Any) -> Line:
    """Somebody has waited in a group for half a minute; `more` is of the call."""
    caller = an_inbound_call(tenant, **more)
    with tenant_transaction(tenant.pk):
        since = timezone.now() - timedelta(seconds=30)
        Caller.objects.update(place=f"group:{GROUP.hex}", since=since, entered_at=since)
        caller.refresh_from_db()
        events.note(caller, WAITING, now=since)
        leg = CallLeg.objects.get(party="contact")
        room_id = leg.conference_id
    return Line(tenant, caller, caller.call_id, room_id, leg)
