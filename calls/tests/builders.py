"""Rows that tests of calls write by hand: what the services would have made of a call."""

import uuid
from typing import Any

from django.utils import timezone

from calls.facts.rooms import request_of
from calls.gateway.accounts import account_of
from calls.models import Caller, CallLeg, CallLog, Conference
from tenants.fence.context import tenant_transaction


def an_outbound_call(tenant: Any, **more: Any) -> CallLog:
    """A call of the workspace that began now, from Acme's number to Acme's Maria where `more` says
    nothing else; without agent, contact and room.
    """
    fields: dict[str, Any] = {
        "direction": "OUTBOUND",
        "from_number": "+14155550199",
        "to_number": "+14155550100",
        "started_at": timezone.now(),
    }
    with tenant_transaction(tenant.pk):
        return CallLog.objects.create(**fields | more)


def an_inbound_call(tenant: Any, *, status: str = "in-progress", **more: Any) -> Caller:
    """A call to Acme's number that began now and has no way yet, as the first request about it
    leaves it: room, call, the caller's leg, and the caller. `more` is of the call.
    """
    call_sid = "CA" + uuid.uuid4().hex
    with tenant_transaction(tenant.pk):
        room_id = uuid.uuid4()
        room = Conference.objects.create(
            pk=room_id, client_request_id=request_of(room_id), account_sid=account_of(tenant.pk).sid
        )
        fields: dict[str, Any] = {
            "direction": "INBOUND",
            "conference": room,
            "from_number": "+14155550100",
            "to_number": "+14155550199",
            "twilio_call_sid": call_sid,
            "status": "ringing",
            "started_at": timezone.now(),
        }
        call = CallLog.objects.create(**fields | more)
        CallLeg.objects.create(
            conference=room, party=CallLeg.Party.CONTACT, call_sid=call_sid, status=status
        )
        return Caller.objects.create(call=call)
