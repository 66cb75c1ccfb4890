"""Twilio has taken a call that we asked for."""

from typing import cast
from uuid import UUID

from django.db import IntegrityError

from calls.facts.rooms import Step
from calls.models import CallLeg, CallLog, Conference
from calls.services.rooms import ledger, progress
from tenants.fence.context import tenant_transaction
from tenants.fence.pipeline import pipelined


def note_taken(call: CallLog, leg_id: UUID, call_sid: str) -> Step | None:
    """Bind the contact's leg to the SID that Twilio has given it, unless a callback has; `call`
    then says what its row says. Returns what the room needs now. Raises `UnknownCall` when the SID
    is another leg's.
    """
    try:
        with pipelined(call.tenant_id):
            leg, settled = _bind(call, leg_id, call_sid)
    except IntegrityError:  # one that was found by asking Twilio may have it
        with tenant_transaction(call.tenant_id):
            Conference.objects.select_for_update().get(pk=call.conference_id)
            progress.bind_sid(CallLeg.objects.get(pk=leg_id), call_sid)
            leg, settled = _bind(call, leg_id, call_sid)
    if settled.has_changed:
        progress.announce(settled.room, call.pk)
    call.submission, call.twilio_call_sid = CallLog.Submission.ACCEPTED, leg.call_sid or call_sid
    for name, value in vars(settled.call).items():
        setattr(call, name, value)
    return settled.step


def _bind(call: CallLog, leg_id: UUID, call_sid: str) -> tuple[ledger.Leg, progress.Settled]:
    known = ledger.read({"room": cast(UUID, call.conference_id)})
    if known is None or known.call is None:
        raise LookupError("a call and its room go with their workspace alone")
    leg = next(each for each in known.legs if each.id == leg_id)
    if not leg.call_sid:
        ledger.write_sid(leg, known.call, call_sid)
    return leg, progress.fold(known, known.facts)
