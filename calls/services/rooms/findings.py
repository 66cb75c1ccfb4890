"""What no callback has told: what we concluded, what an agent wants or their page notices, what
REST says. Each is stored as any event is, and returns the room when something is to be done.
"""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.rooms import is_ours
from calls.models import Caller, CallLeg, Conference
from calls.services.rooms.progress import REST, Heard, hear


def conclude(leg: CallLeg, status: str, *, error_code: int = 0, why: str) -> Conference | None:
    """Record an end that we concluded ourselves, because Twilio never heard of the leg."""
    heard = Heard(
        kind=states.LOCAL,
        name=status,
        at=timezone.now(),
        payload={"why": why, "leg": leg.pk.hex},
        error_code=error_code or None,
    )
    return hear(leg.tenant_id, heard, leg_id=leg.pk)


def ask_end(room: Conference) -> Conference | None:
    """Record that the agent wants the call to end; whoever leaves now is not waited for."""
    payload = {"room": room.pk.hex}
    if is_ours(room.client_request_id):  # others may have had it before, and may have it next
        claims = Caller.objects.filter(call__conference=room)
        payload["claim"] = str(claims.values_list("claimed_at", flat=True).first())
    heard = Heard(kind=states.LOCAL, name=states.END_ASKED, at=timezone.now(), payload=payload)
    return hear(room.tenant_id, heard, room_id=room.pk)


def note_lost_sound(
    room: Conference, user_id: UUID, *, number: int, at: datetime
) -> Conference | None:
    """Record that an agent's page has lost the way of the sound; told twice as the `number`th time
    of its leg, it is one loss.
    """
    leg = (
        room.legs.filter(party=CallLeg.Party.AGENT, user_id=user_id).order_by("-created_at").first()
    )
    if leg is None:
        return None
    heard = Heard(
        kind=states.LOCAL,
        name=states.SOUND_LOST,
        at=at,
        payload={"leg": leg.pk.hex, "number": str(number)},
    )
    return hear(room.tenant_id, heard, leg_id=leg.pk)


def hear_facts(leg: CallLeg, facts: gateway.CallFacts) -> Conference | None:
    """Record what REST says of a leg, when it is further than we know."""
    if states.RANK.get(facts.status, 0) <= states.RANK[leg.status]:
        return None
    heard = Heard(
        kind=states.CALL,
        name=facts.status,
        at=facts.ended_at or timezone.now(),
        payload={"source": REST, "leg": leg.pk.hex, "status": facts.status},
        duration=facts.duration,
        call_sid=facts.sid,
    )
    return hear(leg.tenant_id, heard, leg_id=leg.pk)


def hear_presence(leg: CallLeg, *, since: datetime | None = None) -> Conference | None:
    """Record that Twilio shows a leg among those who are in its room; into which it was sent
    `since`, if it may come more than once.
    """
    when = {"since": since.isoformat()} if since else {}
    heard = Heard(
        kind=states.CONFERENCE,
        name="participant-join",
        at=timezone.now(),
        payload={"source": REST, "leg": leg.pk.hex, **when},
        label=leg.label,
    )
    return hear(leg.tenant_id, heard, leg_id=leg.pk)
