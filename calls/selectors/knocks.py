"""What an agent whose pages are closed is told of a caller, and by which browsers."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from calls.facts.inbound import callers
from calls.models import CallLog, PhoneNumber, PushSubscription
from calls.selectors import queues
from calls.selectors.doubt import load_possible, name_of
from contacts.numbers import display
from tenants.models import Tenant

_LONGEST = 120  # characters of a name or a line


class Knock(NamedTuple):
    """Who calls and which line, in words, and whom to tell it."""

    who: str
    line: str
    browsers: list[PushSubscription]


def knock(tenant: Tenant, user_id: UUID, call_id: UUID, *, now: datetime) -> Knock | None:
    """None: the caller does not wait any more, or the agent is there by now or wants no calls."""
    waiting, agent = queues.caller_of(call_id), queues.agent(user_id)
    if waiting is None or not waiting.fact.waits:
        return None
    if agent is None or not agent.can_be_knocked(queues.RULES, now):
        return None
    call = CallLog.objects.select_related("contact").get(pk=call_id)
    load_possible([call])
    caller = callers.read(call.from_number)
    number = display(caller.number, tenant.country) if caller.number else caller.shown
    label = PhoneNumber.objects.filter(number=call.to_number).values_list("label", flat=True)
    line = label.first() or display(call.to_number, tenant.country)
    found = PushSubscription.objects.filter(user=user_id).order_by("-created_at", "-pk")
    return Knock((name_of(call) or number)[:_LONGEST], line[:_LONGEST], list(found))


def what_became_of(call_id: UUID) -> str | None:
    """Of a call of which somebody was told: why it rings no more, "" while its caller waits; None:
    there is no such call.
    """
    waiting = queues.caller_of(call_id)
    if waiting is None:
        return None
    if waiting.fact.waits:
        return ""
    call = CallLog.objects.select_related("conference__agent").get(pk=call_id)
    agent = call.conference.agent if call.conference else None
    return f"Answered by {agent}." if agent else "The caller is no longer waiting."
