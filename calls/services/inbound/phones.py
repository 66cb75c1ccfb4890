"""Agents' own telephones as they ring for callers: rows, and what who picks up hears. What Twilio
is asked for is `phoning`'s. Each ring is for one offer, and a telephone rings for one caller at a
time; the others who are offered to its agent meanwhile count as rung.

Locks come after those of whoever tends a group: offer, availability, ring.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from calls.facts import states
from calls.facts.inbound.queues import End
from calls.facts.phones import STOP_AGAIN, end_of
from calls.models import AgentAvailability, Offer, PhoneRing
from calls.models.phones import LIVE
from calls.selectors.queues import RULES, has_page, phones_that_ring
from calls.services.inbound import news
from tenants.fence.context import tenant_transaction

LATE = timedelta(seconds=45)  # after which Twilio is asked about a ring that has not ended


def is_theirs(ring: PhoneRing) -> bool:
    """Whether the telephone is its agent's still, and is to ring."""
    return bool(phones_that_ring().filter(user=ring.user_id, number=ring.number).exists())


def is_offered(ring: PhoneRing) -> bool:
    """Whether its caller is offered to its agent: by its own offer, or by another one since, so
    that nobody who has picked up is hung up on and called anew.
    """
    offered = _offers_of(ring.offer.caller_id, ring.user_id).filter(end="")
    return is_theirs(ring) and bool(offered.exists())


def _offers_of(caller_id: int, user_id: UUID) -> QuerySet[Offer]:
    """All of a caller to an agent, oldest first: a few."""
    found: QuerySet[Offer] = Offer.objects.filter(caller=caller_id, user=user_id)
    return found.order_by("offered_at", "pk")


def begin(user_ids: Iterable[UUID], *, now: datetime) -> None:
    """Write down rings for those of these agents to whom a caller is offered, and who have a
    telephone that does not ring yet. They are then to be tended (`due`).
    """
    numbers = dict(phones_that_ring().filter(user__in=set(user_ids)).values_list("user", "number"))
    if not numbers:
        return
    rung = set(PhoneRing.objects.filter(LIVE, user__in=numbers).values_list("user", flat=True))
    offers = Offer.objects.filter(user__in=numbers, end="", ring=None).order_by("offered_at", "pk")
    new, behind = [], []
    for offer in offers:
        if offer.user_id in rung:
            behind.append(offer.pk)
            continue
        rung.add(offer.user_id)
        number = numbers[offer.user_id]
        new.append(PhoneRing(offer=offer, user_id=offer.user_id, number=number))
    PhoneRing.objects.bulk_create(new)
    Offer.objects.filter(pk__in=behind, confirmed_at=None).update(confirmed_at=now)


def due(now: datetime) -> list[UUID]:
    """The rings for which something is to be done now (`facts.phones.next_step`)."""
    stops = Q(stopped_at=None) | Q(stopped_at__lte=now - STOP_AGAIN)
    offered = Offer.objects.filter(caller=OuterRef("offer__caller"), user=OuterRef("user"), end="")
    is_due = Q(asked_at=None) | ~Exists(offered) & ~Q(call_sid="") & stops
    found = PhoneRing.objects.filter(LIVE).filter(is_due).order_by("created_at", "pk")
    return list(found.values_list("pk", flat=True))


def of_agent(user_id: UUID) -> list[UUID]:
    """Those that ring at them."""
    return list(PhoneRing.objects.filter(LIVE, user=user_id).values_list("pk", flat=True))


def overdue(now: datetime) -> list[UUID]:
    """Those of whose end nothing was heard in time (`phoning.look`)."""
    late = PhoneRing.objects.filter(ended_at=None, created_at__lt=now - LATE)
    return list(late.order_by("created_at", "pk").values_list("pk", flat=True))


def locked(ring_id: UUID) -> PhoneRing | None:
    """A ring of the current tenant, with its offer, the call and the room; None: there is none.
    The offers of its caller to its agent are locked as well.
    """
    found = PhoneRing.objects.filter(pk=ring_id).values_list("offer__caller", "user").first()
    if found is None:
        return None
    caller_id, user_id = found
    list(_offers_of(caller_id, user_id).select_for_update(no_key=True).values_list("pk"))
    own = AgentAvailability.objects.filter(user=user_id)
    list(own.select_for_update(no_key=True).values_list("pk"))
    rings = PhoneRing.objects.select_for_update(of=("self",), no_key=True)
    ring: PhoneRing = rings.select_related("offer__caller__call__conference").get(pk=ring_id)
    return ring


def of_call(ring_id: UUID, account_sid: str, call_sid: str) -> PhoneRing:
    """The ring that Twilio speaks of: it names it, and the account and the call are its own. Raises
    `LookupError`.
    """
    ring = locked(ring_id)
    room = ring.offer.caller.call.conference if ring else None
    if ring is None or room is None or room.account_sid != account_sid:
        raise LookupError("no such ring")
    if not call_sid or ring.call_sid not in ("", call_sid):
        raise LookupError("the ring has another call SID")
    return ring


def hear(
    tenant_id: UUID,
    ring_id: UUID,
    *,
    account_sid: str,
    call_sid: str,
    status: str,
    sip_code: int | None,
    now: datetime,
) -> PhoneRing:
    """What Twilio tells of a ring. Its agent's groups are to be tended afterwards. Raises
    `LookupError`.
    """
    with tenant_transaction(tenant_id):
        ring = of_call(ring_id, account_sid, call_sid)
        note(ring, status, call_sid=call_sid, sip_code=sip_code, now=now)
        return ring


def note(
    ring: PhoneRing, status: str, *, now: datetime, call_sid: str = "", sip_code: int | None = None
) -> None:
    """Write down what is known of a locked ring, and what follows from it for its offer."""
    ring.call_sid = ring.call_sid or call_sid
    if ring.ended_at is None:
        if status in (states.RINGING, states.IN_PROGRESS):
            ring.rang_at = ring.rang_at or now
            silent = Offer.objects.filter(pk=ring.offer_id, end="", confirmed_at=None)
            silent.update(confirmed_at=now)
        if status == states.IN_PROGRESS:
            ring.answered_at = ring.answered_at or now
        if status in states.TERMINAL:
            ring.ended_at = now
    ring.save(update_fields=["call_sid", "rang_at", "answered_at", "ended_at"])
    has_ended = ring.ended_at == now and ring.taken_at is None
    if has_ended and _end_offer(ring, status, sip_code, now):
        begin([ring.user_id], now=now)


def _end_offer(ring: PhoneRing, status: str, sip_code: int | None, now: datetime) -> bool:
    """What the end of a ring means for its offer, unless that has ended before. Whether the
    telephone may ring for the next caller.
    """
    offer = ring.offer
    own = AgentAvailability.objects.filter(user=ring.user_id)
    row = own.first()
    end = end_of(status, sip_code, has_page=row is not None and has_page(row, now))
    if end is End.DECLINED:  # this caller, be it by an offer made since
        offer = _offers_of(ring.offer.caller_id, ring.user_id).filter(end="").first() or offer
    if end is None or offer.end:
        return True
    offer.end, offer.ended_at = end.value, now
    offer.save(update_fields=["end", "ended_at"])
    news.ring([ring.user_id])
    if end is End.DECLINED:
        own.update(missed_in_a_row=0)
        return True
    if end is End.MISSED:
        own.update(missed_in_a_row=F("missed_in_a_row") + 1)
        # Who is about to be set to Away is not called once more before.
        return row is not None and row.missed_in_a_row + 1 < RULES.most_missed
    own.update(asleep_at=now)
    news.availability([ring.user_id])
    return False
