"""Whose event it is: from a signed address or a client's identity to a tenant, and stored there.

The doors (`calls.webhooks`) come here with what has just been signed, the sweep with what was kept
aside (`aside.py`): both go the same way, and nothing is guessed on it.
"""

from contextlib import suppress
from uuid import UUID

from django.db import IntegrityError

from calls.facts.sids import RECORDING, is_sid
from calls.gateway import accounts
from calls.gateway.accounts import TwilioAccount
from calls.models import CallLog, Conference, PhoneRing, Recording
from calls.services.callbacks.reading import Callback, Hook, heard, number
from calls.services.inbound import messages, outside, phones
from calls.services.rooms import progress
from calls.services.rooms.progress import UnknownCall, UnknownLeg
from tenants import doors
from tenants.bricks.gates import WIDE, Gate
from tenants.fence.context import tenant_reading
from tenants.models import Membership

# Why news of a browser has no leg: its connection was refused, or is not let in yet.
NOT_LET_IN = "a browser that was let into no room"


class Unroutable(LookupError):
    """It is genuine, and of nothing that we know; the text says why, in some words."""


def hear(callback: Callback, *, gate: Gate = WIDE) -> Conference | Recording | PhoneRing | None:
    """Store it where it belongs. Returns the room, the recording or the ring for which something is
    now to be done. Raises `Unroutable`, and `Crowded` when the gate lets nobody more wait for this
    room or call. Hearing the same again changes nothing.
    """
    tenant_id = _tenant_of(callback)
    if callback.hook is Hook.RECORDING:
        return _hear_of_recording(tenant_id, callback, gate)
    if callback.hook is Hook.OUTSIDE:
        _hear_of_outside(tenant_id, callback, gate)
        return None
    if callback.hook is Hook.PHONE:
        return _hear_of_phone(tenant_id, callback, gate)
    room_id, leg_id = callback.ids.get("room"), callback.ids.get("leg")
    try:
        return progress.hear(tenant_id, heard(callback), room_id=room_id, leg_id=leg_id, gate=gate)
    except UnknownCall as error:
        raise _unroutable(callback, tenant_id, error) from error
    except IntegrityError as error:
        raise Unroutable("its call SID is another leg's") from error


def _tenant_of(callback: Callback) -> UUID:
    tenant_id = callback.ids.get("tenant")
    if tenant_id is None:
        # Of somebody who is a member no more, too: their call may outlast their membership.
        tenant_id = doors.tenant_named_by(callback.identity)
    if tenant_id is None or not accounts.serves(callback.account, tenant_id):
        raise Unroutable(NOT_LET_IN if callback.is_of_browser else "no such tenant")
    return tenant_id


def _unroutable(callback: Callback, tenant_id: UUID, error: LookupError) -> Unroutable:
    """Why nothing was found. That a tenant is there is only asked here: whatever is found is in
    one.
    """
    is_none = doors.tenant_by_id(tenant_id) is None
    if callback.is_of_browser and (is_none or isinstance(error, UnknownLeg)):
        return Unroutable(NOT_LET_IN)
    return Unroutable("no such tenant" if is_none else str(error))


def _hear_of_recording(tenant_id: UUID, callback: Callback, gate: Gate) -> Recording | None:
    form, sid = callback.form, callback.form.get("RecordingSid")
    call_id = _call_of_recording(tenant_id, callback)
    if call_id is None or not is_sid(sid, RECORDING):
        raise Unroutable("no such call")
    try:
        with gate.passing(call_id):
            return messages.note_recording(
                tenant_id,
                call_id=call_id,
                call_sid=form.get("CallSid", ""),
                account_sid=callback.account.sid,
                sid=sid,
                status=form.get("RecordingStatus", ""),
                duration=number(form.get("RecordingDuration")),
                channels=2 if form.get("RecordingChannels") == "2" else 1,
                source=form.get("RecordingSource", ""),
                now=callback.at,
            )
    except LookupError as error:
        raise _unroutable(callback, tenant_id, error) from error
    except IntegrityError as error:
        raise Unroutable("its recording SID is another's") from error


def _call_of_recording(tenant_id: UUID, callback: Callback) -> UUID | None:
    """By the address, or, of a message that was taken without rows, by the call's SID."""
    call_id = callback.ids.get("call")
    if call_id is not None:
        return call_id
    with tenant_reading(tenant_id):
        came_in = CallLog.objects.filter(direction=CallLog.Direction.INBOUND)
        calls = came_in.filter(twilio_call_sid=callback.form.get("CallSid", ""))
        return calls.values_list("pk", flat=True).first()


def _hear_of_outside(tenant_id: UUID, callback: Callback, gate: Gate) -> None:
    form, call_id = callback.form, callback.ids.get("call")
    if call_id is None:
        raise Unroutable("no such call")
    with gate.passing(call_id):
        is_known = outside.hear(
            tenant_id,
            call_id,
            account_sid=callback.account.sid,
            parent_sid=form.get("ParentCallSid", ""),
            call_sid=form.get("CallSid", ""),
            status=form.get("CallStatus", ""),
            now=callback.at,
        )
    if not is_known:
        raise _unroutable(callback, tenant_id, UnknownLeg("no such call"))


def _hear_of_phone(tenant_id: UUID, callback: Callback, gate: Gate) -> PhoneRing:
    """Of an agent's own telephone; once they have taken the call, also of their leg."""
    ring_id, said = callback.ids.get("ring"), heard(callback)
    if ring_id is None:
        raise Unroutable("no such ring")
    try:
        with gate.passing(ring_id):
            ring = phones.hear(
                tenant_id,
                ring_id,
                account_sid=callback.account.sid,
                call_sid=said.call_sid,
                status=said.name,
                sip_code=said.sip_code,
                now=callback.at,
            )
        if ring.taken_at is not None:
            with suppress(UnknownCall):  # they hung up before they were let in
                progress.hear(tenant_id, said, gate=gate)
    except LookupError as error:
        raise _unroutable(callback, tenant_id, error) from error
    return ring


def named_behind(account: TwilioAccount, identity: str) -> doors.Named | None:
    """Whom a Voice client names, of a tenant that this account serves; nothing is read."""
    named = doors.named_by(identity)
    if named is None or not accounts.serves(account, named.tenant_id):
        return None
    return named


def member_behind(account: TwilioAccount, identity: str) -> Membership | None:
    """The member behind a Voice client, of a tenant that this account serves."""
    if named_behind(account, identity) is None:
        return None
    return doors.membership_by_identity(identity)
