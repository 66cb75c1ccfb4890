"""Past calls that came in, for the demo: answered ones, one of each way to be missed, a hidden
caller and a blocked one. Made as callers are, by what is heard of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid5

from django.conf import settings
from django.utils import timezone

from calls.facts import states
from calls.facts.inbound import meeting, missed
from calls.models import Caller, CallLeg, CallLog, Conference, PhoneNumber
from calls.services import blocking, notes
from calls.services.inbound import arriving, events
from calls.services.rooms import progress
from calls.services.rooms.progress import Heard
from contacts.models import ContactNumber
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant
from tenants.trail import audit
from voip_crm import demo_sounds

SPAM = "+18445550100"
_PICKED_UP = 2  # seconds, until both are in the room
_DEALT_WITH = timedelta(minutes=20)  # after a missed call's end

_Way = tuple[tuple[int, str], ...]
_ANSWERED: _Way = ((5, missed.WAITING), (14, meeting.BRINGING))
_NO_ONE_ANSWERED: _Way = ((5, missed.WAITING), (50, missed.NOBODY_ANSWERED))
_NO_ONE_THERE: _Way = ((4, missed.NOBODY_AVAILABLE), (4, missed.TO_LATER))
_MESSAGE: _Way = (*_NO_ONE_ANSWERED, (50, missed.TO_VOICEMAIL), (75, missed.MESSAGE_LEFT))


@dataclass(frozen=True)
class _Came:
    """A call from a contact by name, or from whatever Twilio calls its caller; `start`: by the time
    at which the demo is made.

    Its `way` has seconds after the beginning, as `ends` is; `agent`: who answered, or who has dealt
    with it afterwards if it was missed; `message`: of `demo_sounds`.
    """

    start: Callable[[datetime], datetime]
    who: str
    way: _Way
    ends: int
    agent: str = ""
    message: str = ""
    notes: str = ""  # that the agent wrote down


def _minutes(ago: int) -> Callable[[datetime], datetime]:
    return lambda now: now - timedelta(minutes=ago)


def _days(ago: int, hour: int, minute: int) -> Callable[[datetime], datetime]:
    """By UTC's clock."""
    return lambda now: (now - timedelta(days=ago)).replace(hour=hour, minute=minute)


# What is to be returned came within the last fifty minutes: by then no other call of the demo may
# have returned it.
_ACME = [
    _Came(_minutes(6), "Maria Gonzalez", _MESSAGE, 75, message="call-back"),
    _Came(_minutes(17), "Ana Souza", ((5, missed.WAITING), (48, missed.CALLBACK_ASKED)), 53),
    _Came(_minutes(29), "anonymous", ((5, missed.WAITING),), 71),
    _Came(_minutes(44), "+16505550100", _NO_ONE_THERE, 12),
    _Came(
        *(_minutes(52), "Ethan Wright", _ANSWERED, 245, "Bob Baker"),
        notes="Wants an offer for 20 seats by Friday. Asked whether recordings stay in the EU.",
    ),
    _Came(
        *(_days(1, 17, 12), "Olivia Clarke", _ANSWERED, 412, "Alice Ames"),
        notes="Invoice went to the old address. Corrected and sent again; she confirms by email.",
    ),
    _Came(_days(1, 20, 38), SPAM, (), 1),
    _Came(_days(2, 16, 5), "+12065550101", (), 7, "Bob Baker"),
    _Came(_days(2, 21, 51), "Liam O'Connor", _MESSAGE, 75, "Alice Ames", "at-four"),
    _Came(_days(3, 5, 27), "Hannah Schmidt", ((0, missed.CLOSED),), 9, "Alice Ames"),
    _Came(_days(3, 18, 33), "Zoë Müller", _ANSWERED, 118, "Bob Baker"),
    _Came(_days(5, 19, 44), "Noor Haddad", _NO_ONE_ANSWERED, 58, "Bob Baker"),
    _Came(_days(8, 22, 16), "Pierre Dubois", _ANSWERED, 533, "Alice Ames"),
]
_BOREALIS = [
    _Came(_minutes(12), "Amelia Hart", ((5, missed.WAITING),), 38),
    _Came(_days(1, 15, 20), "Ingrid Nilsen", _ANSWERED, 301, "Charlie Cole"),
]


def came_in(tenant: Tenant, agents: Sequence[Membership]) -> None:
    """The workspace's, who have its number and lines; the first of the agents blocks a caller."""
    now = timezone.now()
    who = {str(agent.user): agent for agent in agents}
    with tenant_transaction(tenant.pk):
        ours = PhoneNumber.objects.all()[0]
        for serial, came in enumerate(_ACME if tenant.slug == "acme" else _BOREALIS):
            if came.who == SPAM:
                with audit.acting(audit.Actor(agents[0].user_id, str(agents[0].user))):
                    blocking.block(SPAM, "Robocalls")
            _come_in(ours, came, who.get(came.agent), came.start(now), f"{tenant.slug} {serial}")


def _come_in(
    ours: PhoneNumber, came: _Came, agent: Membership | None, start: datetime, serial: str
) -> None:
    holder = ContactNumber.objects.filter(contact__name=came.who).first()
    caller_id = holder.number if holder else came.who
    call_sid = _sid("CA", ours, serial)
    arrived = arriving.arrive(
        ours.tenant_id,
        account_sid=ours.account_sid,
        call_sid=call_sid,
        caller=caller_id,
        to=ours.number,
        said={"CallSid": call_sid, "From": caller_id, "To": ours.number},
        now=start,
    )
    if arrived is None:
        raise ValueError(f"{ours} takes no calls.")
    call = CallLog.objects.get(pk=arrived.call_id)
    caller, end = Caller.objects.get(call=call), start + timedelta(seconds=came.ends)
    legs = [CallLeg.objects.get(conference=call.conference_id)]
    for after, name in came.way:
        at = start + timedelta(seconds=after)
        events.note(caller, name, now=at)
        if name == meeting.BRINGING and agent is not None:
            legs.append(_picked_up(call, legs[0], agent, at))
    for leg in legs:
        name, sip_code = states.COMPLETED, None
        if arrived.is_blocked:
            name, sip_code = states.NO_ANSWER, states.DECLINED_SIP_CODE
        _hear(leg, states.CALL, name, end, sip_code=sip_code)
    if came.message:
        _leave(call, came.message, _sid("RE", ours, serial), agent, end)
    Caller.objects.filter(pk=caller.pk, left_at=None).update(left_at=end)
    of_call = CallLog.objects.filter(pk=call.pk)
    of_call.update(created_at=start)
    legs[0].created_at = start
    legs[0].save(update_fields=["created_at"])
    if came.notes and agent is not None:
        notes.write(call.pk, came.notes, seen=None, by=agent, now=end)
    if agent is not None:
        of_call.exclude(missed="").update(missed_done_at=end + _DEALT_WITH)


def _picked_up(call: CallLog, caller: CallLeg, agent: Membership, at: datetime) -> CallLeg:
    """The agent has answered at `at`, and both are in the room."""
    Caller.objects.filter(call=call).update(claimed_at=at, left_at=at)
    Conference.objects.filter(pk=call.conference_id).update(agent=agent.user)
    leg: CallLeg = CallLeg.objects.create(
        tenant_id=call.tenant_id,
        conference_id=call.conference_id,
        user=agent.user,
        party=CallLeg.Party.AGENT,
        call_sid=f"CA{uuid5(call.pk, 'agent').hex}",
    )
    leg.created_at = at
    leg.save(update_fields=["created_at"])
    for each, after in ((leg, 1), (caller, _PICKED_UP)):
        _hear(each, states.CONFERENCE, "participant-join", at + timedelta(seconds=after))
    return leg


def _hear(leg: CallLeg, kind: str, name: str, at: datetime, *, sip_code: int | None = None) -> None:
    heard = Heard(kind, name, at, {"demo": leg.pk.hex}, call_sid=leg.call_sid or "")
    progress.hear(leg.tenant_id, replace(heard, sip_code=sip_code), leg_id=leg.pk)


def _leave(
    call: CallLog, message: str, sid: str, heard_by: Membership | None, end: datetime
) -> None:
    recording = demo_sounds.record(
        call,
        demo_sounds.named(message),
        account_sid=settings.TWILIO_ACCOUNT_SID,
        sid=sid,
        now=end,
        is_voicemail=True,
    )
    if heard_by is not None:
        recording.heard_at, recording.heard_by = end + _DEALT_WITH, heard_by.user
        recording.save(update_fields=["heard_at", "heard_by"])


def _sid(prefix: str, ours: PhoneNumber, serial: str) -> str:
    return prefix + uuid5(ours.tenant_id, f"came in {serial}").hex
