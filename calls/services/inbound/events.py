"""What happens to a caller on their way, written down as an event of their leg."""

from datetime import datetime
from typing import cast
from uuid import UUID

from calls.facts import states
from calls.models import Caller, CallLeg, CallLog
from calls.services.rooms import progress
from calls.services.rooms.progress import Heard


def note(caller_or_call: Caller | CallLog, name: str, *, now: datetime, **payload: str) -> None:
    """Store the next step of a caller's way (a name of `facts.inbound.missed`) within the current
    transaction, and bring their call's row up to date.

    Locks the caller, then their room: whoever locks more of them does so in this order.
    """
    call_id = caller_or_call.pk if isinstance(caller_or_call, CallLog) else caller_or_call.call_id
    caller = Caller.objects.select_for_update().select_related(None).get(call_id=call_id)
    caller.steps += 1
    caller.save(update_fields=["steps"])
    if isinstance(caller_or_call, Caller):
        caller_or_call.steps = caller.steps
    leg_id = cast(
        UUID,
        CallLeg.objects.filter(conference__call=call_id, party=CallLeg.Party.CONTACT)
        .values_list("pk", flat=True)
        .get(),
    )
    heard = step(leg_id, name, caller.steps, now, **payload)
    progress.hear(caller.tenant_id, heard, leg_id=leg_id)


def step(leg_id: UUID, name: str, number: int, at: datetime, **payload: str) -> Heard:
    """The step of this number of a caller's way, as it is stored."""
    said = {"leg": leg_id.hex, "step": str(number), **payload}
    return Heard(kind=states.LOCAL, name=name, at=at, payload=said, sequence=number)
