"""What an agent has chosen to be, what rings at them, and who else is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from calls.facts.inbound import callers
from calls.facts.inbound.queues import Availability, End, Presence
from calls.facts.notes import in_one_line
from calls.models import AgentAvailability, CallLeg, CallLog, Offer, PhoneNumber
from calls.selectors import presentation, queues
from calls.selectors.doubt import load_possible, name_of
from contacts.numbers import display
from tenants.bricks import moments
from tenants.models import Tenant

AVAILABILITIES = {
    Availability.AVAILABLE: "Available",
    Availability.AWAY: "Away",
    Availability.DO_NOT_DISTURB: "Do not disturb",
}
PRESENCES = {
    **{Presence(each.value): word for each, word in AVAILABILITIES.items()},
    Presence.IN_A_CALL: "In a call",
    Presence.WRAPPING_UP: "Wrapping up",
    Presence.OFFLINE: "Offline",
}
# So long a call that rings no more says why; the page takes it away (static/js/ringing.js).
SAID = timedelta(seconds=5)
# No ring lasts as long, also where the sweep is late: of all that ever rang no more is looked at.
LONGEST = timedelta(hours=1)
_MOST = 20  # that are shown as ringing at once
_LOOKED_BACK = 20  # calls, for one of which something was written down


@dataclass(frozen=True)
class Own:
    """`was_set_away`: for offers that they missed, and they have not chosen since."""

    availability: str = Availability.AWAY.value
    was_set_away: bool = False
    rings: bool = False
    has_phone: bool = False  # their own, which is rung, too
    seen_at: datetime | None = None
    asleep_at: datetime | None = None

    @property
    def is_asleep(self) -> bool:
        """Whether no page of theirs has been seen since one did not confirm what rang: one that is
        there says so at once, as it may only have been slow.
        """
        return self.asleep_at is not None and not (self.seen_at and self.seen_at > self.asleep_at)

    @property
    def is_available(self) -> bool:
        return self.availability == Availability.AVAILABLE


@dataclass(frozen=True)
class Incoming:
    """A call that rings at an agent. `said`: why it rings no more."""

    call_id: UUID
    name: str  # the contact's, those of the ones whom it may be, or what the network says
    company: str  # or, of more than two whom it may be, all that are known
    number_display: str  # "" where it is the name
    number: str  # E.164, or "" for what is none
    contact_id: UUID | None
    line: str
    since: datetime
    offered_at: datetime  # to this agent, this time
    last: str  # the last call with them, in words
    last_id: UUID | None
    note: str  # the last that was written down of them, in one line, and when
    said: str = ""


def own(user_id: UUID) -> Own:
    """One statement."""
    rings = Offer.objects.filter(user_id=user_id, end="")
    phone = queues.phones_that_ring().filter(user_id=user_id)
    found = (
        AgentAvailability.objects.filter(user_id=user_id)
        .annotate(rings=Exists(rings), has_phone=Exists(phone))
        .values_list(
            *("availability", "was_set_away", "rings", "has_phone", "seen_at", "asleep_at")
        )
        .first()
    )
    return Own(*found) if found else Own()


def incoming(tenant: Tenant, user_id: UUID, *, now: datetime) -> Sequence[Incoming]:
    """What rings at this agent, the oldest first; and what did a moment ago and was taken by
    somebody else or given up.
    """
    shown = Q(end="") | Q(end__in=_SAID_OF, ended_at__gt=now - SAID)
    offers = (
        Offer.objects.filter(shown, user_id=user_id, offered_at__gt=now - LONGEST)
        .select_related("caller__call__contact", "caller__call__conference__agent")
        .annotate(
            **{
                name: Coalesce(
                    last(contact=OuterRef("caller__call__contact")),
                    last(direction="INBOUND", from_number=OuterRef("caller__call__from_number")),
                )
                for name, last in (("last_id", _last), ("noted_id", _last_noted))
            }
        )
        .order_by("-offered_at", "-id")[: 2 * _MOST]
    )
    # Of a call that was offered twice, the last time.
    latest = {offer.caller_id: offer for offer in reversed(offers)}
    rows = sorted(latest.values(), key=lambda one: (one.caller.since or one.offered_at, one.pk))
    calls = [offer.caller.call for offer in rows]
    load_possible(calls)
    last = CallLog.objects.select_related("user").in_bulk(
        [id for offer in rows for id in (offer.last_id, offer.noted_id) if id]  # type: ignore[attr-defined]  # annotated
    )
    ours = {call.to_number for call in calls}
    lines = dict(PhoneNumber.objects.filter(number__in=ours).values_list("number", "label"))
    return [_shown(tenant, offer, lines, last, now) for offer in rows[:_MOST]]


def _last(**of: Any) -> Subquery:
    ended = CallLog.objects.exclude(outcome="").filter(**of)
    return Subquery(ended.order_by("-started_at", "-id").values("pk")[:1])


def _last_noted(**of: Any) -> Subquery:
    """Of the latest few, so that it costs the same however many there are."""
    of = {name: OuterRef(it) if isinstance(it, OuterRef) else it for name, it in of.items()}
    latest = CallLog.objects.filter(**of).order_by("-started_at", "-id").values("pk")[:_LOOKED_BACK]
    noted = CallLog.objects.filter(pk__in=Subquery(latest)).exclude(notes="")
    return Subquery(noted.order_by("-started_at", "-id").values("pk")[:1])


def _shown(
    tenant: Tenant,
    offer: Offer,
    lines: dict[str, str],
    last: dict[UUID, CallLog],
    now: datetime,
) -> Incoming:
    call = offer.caller.call
    caller = callers.read(call.from_number)
    number = display(caller.number, tenant.country) if caller.number else caller.shown
    name, company = name_of(call), call.contact.company if call.contact else ""
    if call.is_in_doubt and call.meant > 2:
        company = ", ".join(each.contact.name for each in call.possible.all())
    # Who hides their number is not whoever hid it before.
    is_known = bool(call.contact_id or caller.number)
    before = last.get(offer.last_id) if is_known else None  # type: ignore[attr-defined]  # annotated
    noted = last.get(offer.noted_id) if is_known else None  # type: ignore[attr-defined]  # annotated
    return Incoming(
        call_id=call.pk,
        name=name or number,
        company=company,
        number_display=number if name else "",
        number=caller.number,
        contact_id=call.contact_id,
        line=lines.get(call.to_number) or display(call.to_number, tenant.country),
        since=offer.caller.since or offer.offered_at,
        offered_at=offer.offered_at,
        last=_in_words(before, ZoneInfo(tenant.time_zone), now) if before else "",
        last_id=before.pk if before else None,
        note=_note(noted, ZoneInfo(tenant.time_zone), now) if noted else "",
        said=_why(offer) if offer.end else "",
    )


def _in_words(call: CallLog, zone: ZoneInfo, now: datetime) -> str:
    """`Yesterday 14:05, outbound, 3:20, Bob`."""
    length = presentation.seconds(call.duration) if call.duration else ""
    how = length or _how(call).lower()
    parts = [
        moments.moment(call.started_at, zone, now),
        call.get_direction_display().lower(),
        how,
        str(call.user) if call.user else "",
    ]
    return ", ".join(filter(None, parts))


def _note(call: CallLog, zone: ZoneInfo, now: datetime) -> str:
    """`Yesterday 14:05: Wants an offer for 20 seats.`"""
    return f"{moments.moment(call.started_at, zone, now)}: {in_one_line(call.notes)}"


def _how(call: CallLog) -> str:
    """What a call came to that was not answered."""
    if call.missed:
        return presentation.missed_reason(call.missed)
    return presentation.status_word(call.status, call.outcome)[0]


_SAID_OF = {
    End.ANSWERED: "Answered",
    End.LEFT: "The caller is no longer waiting.",
    End.MISSED: "You missed this call.",
}


def _why(offer: Offer) -> str:
    room = offer.caller.call.conference
    if offer.end == End.ANSWERED and room is not None and room.agent is not None:
        return f"Answered by {room.agent}"
    return _SAID_OF[End(offer.end)]


def talks_in(request_id: UUID, user_id: UUID) -> bool:
    """Whether a browser of this agent is in the room of this request, or on its way there."""
    legs = CallLeg.objects.filter(user_id=user_id, party=CallLeg.Party.AGENT, ended_at=None)
    return legs.filter(left_at=None, conference__client_request_id=request_id).exists()


def presences(*, now: datetime) -> dict[UUID, tuple[str, str]]:
    """Of every active member of the workspace, by their user's id: the presence and its word; one
    statement.
    """
    there = (agent for agent in queues.everybody() if agent.is_active)
    found = {UUID(agent.id): agent.presence(queues.RULES, now) for agent in there}
    return {user_id: (presence.value, PRESENCES[presence]) for user_id, presence in found.items()}
