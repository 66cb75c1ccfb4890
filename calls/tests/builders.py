"""Rows that tests of calls write by hand: what the services would have made of a call."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from calls.facts import states
from calls.facts.inbound.missed import Missed
from calls.facts.rooms import request_of
from calls.gateway.accounts import account_of
from calls.models import Caller, CallLeg, CallLog, Conference, Recording, VoicemailBox
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


def a_missed_call(
    tenant: Any, *, missed: str = Missed.WAITING, ago: int = 5, **more: Any
) -> CallLog:
    """One that came in so many minutes ago, waited for 42 seconds, and is over."""
    started_at = more.pop("started_at", timezone.now() - timedelta(minutes=ago))
    fields: dict[str, Any] = {
        "missed": missed,
        "outcome": states.NO_ANSWER,
        "started_at": started_at,
        "ended_at": started_at + timedelta(seconds=60),
        "duration": 0,
        "wait_seconds": 42,
    }
    call = an_inbound_call(tenant, status=states.COMPLETED, **fields | more).call
    with tenant_transaction(tenant.pk):
        call.status = states.NO_ANSWER
        call.save(update_fields=["status"])
        # All is known of it: the sweep would find out that Twilio has never heard of such a call.
        settled = {"closed_at": call.ended_at, "next_look_at": None}
        Conference.objects.filter(pk=call.conference_id).update(**settled)
    return call


def a_voicemail(
    tenant: Any, *, box: VoicemailBox | None = None, audio: bytes = b"", **more: Any
) -> Recording:
    """The message of a caller, stored; with `audio` it can be played."""
    call = a_missed_call(tenant, missed=Missed.VOICEMAIL, **more)
    path = f"{tenant.pk.hex}/{uuid.uuid4().hex}.wav"
    if audio:
        file = Path(settings.RECORDINGS_DIR, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(audio)
    with tenant_transaction(tenant.pk):
        if box:
            Caller.objects.filter(call=call).update(place=f"voicemail:{box.pk.hex}")
        return Recording.objects.create(
            call=call,
            sid=f"RE{uuid.uuid4().hex}",
            account_sid=settings.TWILIO_ACCOUNT_SID,
            state=Recording.State.STORED,
            is_voicemail=True,
            duration=7,
            path=path,
            size=len(audio),
            stored_at=timezone.now(),
        )
