"""An agent has picked up their own telephone, which rings for a caller: what they hear, and what
the key does that they press. Nobody has the call who has not pressed 1, so no mailbox takes it.

The groups of the agent (`PhoneRing.user`) are to be tended afterwards. All raise `LookupError` for
what is no ring of this account.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from calls.facts import states
from calls.facts.inbound import spoken
from calls.facts.inbound.queues import End
from calls.facts.inbound.spoken import Phrase
from calls.facts.refusals import Refusal
from calls.gateway import addresses, twiml
from calls.gateway.accounts import TwilioAccount
from calls.models import Line, PhoneNumber, PhoneRing
from calls.services.inbound import documents, offers, phones
from calls.services.rooms import presence
from calls.services.rooms.progress import Heard, UnknownCall
from contacts.numbers import display
from tenants.doors import Named
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant

TIMES, SECONDS = 3, 5  # so often is asked for a key, each time with so many seconds to press it
TAKE, DECLINE = "1", "2"


class Told(NamedTuple):
    """What they hear next, and who they are."""

    document: str
    user_id: UUID


def picked_up(
    tenant_id: UUID, ring_id: UUID, *, account_sid: str, call_sid: str, now: datetime
) -> Told:
    """They are asked to press a key; or told why there is nothing to take."""
    with tenant_transaction(tenant_id):
        ring = phones.of_call(ring_id, account_sid, call_sid)
        phones.note(ring, states.IN_PROGRESS, call_sid=call_sid, now=now)
        return Told(_question(ring) if phones.is_offered(ring) else _over(ring, now), ring.user_id)


def pressed(
    tenant_id: UUID, ring_id: UUID, key: str, *, account: TwilioAccount, heard: Heard, now: datetime
) -> Told:
    """A key. `heard` is what Twilio says of their call with it."""
    with tenant_transaction(tenant_id):
        ring = phones.of_call(ring_id, account.sid, heard.call_sid)
        phones.note(ring, states.IN_PROGRESS, call_sid=heard.call_sid, now=now)
        member = Membership.objects.select_related("tenant").get(user=ring.user_id)
        if key not in (TAKE, DECLINE):
            is_asked = phones.is_offered(ring)
            return Told(_question(ring) if is_asked else _over(ring, now), ring.user_id)
        if ring.taken_at is None and (ring.ended_at is not None or not phones.is_theirs(ring)):
            return Told(_over(ring, now), ring.user_id)  # they have hung up; it is theirs no more
        if key == DECLINE:
            _stopped(ring, now)
            document = _say(ring, Phrase.DECLINED)
    if key == DECLINE:
        offers.decline(member, ring.offer.caller.call_id, now=now)
        return Told(document, ring.user_id)
    return Told(_take(ring, member, account, heard, now), ring.user_id)


def over(tenant_id: UUID, ring_id: UUID, *, account_sid: str, call_sid: str, now: datetime) -> Told:
    """They were sent here, as their ring has ended: why."""
    with tenant_transaction(tenant_id):
        ring = phones.of_call(ring_id, account_sid, call_sid)
        return Told(_over(ring, now), ring.user_id)


def _take(
    ring: PhoneRing, member: Membership, account: TwilioAccount, heard: Heard, now: datetime
) -> str:
    """Claim the call, as a browser does, and come into its room."""
    try:
        request_id = offers.claim(member, ring.offer.caller.call_id, now=now, ring_id=ring.pk)
        room, leg, longest = presence.admit_agent(
            Named(ring.tenant_id, ring.user_id),
            account=account,
            client_request_id=request_id,
            call_sid=heard.call_sid,
            heard=heard,
            is_phone=True,
        )
    except (Refusal, UnknownCall) as refusal:
        with tenant_transaction(ring.tenant_id):
            _stopped(ring, now)
            by = refusal.details.get("by", "") if isinstance(refusal, Refusal) else ""
            return _say(ring, Phrase.ANSWERED_BY, name=by) if by else _over_of(ring)
    return presence.into_room(room, leg, longest)


def _question(ring: PhoneRing) -> str:
    call, language = ring.offer.caller.call, _language(ring)
    ours = PhoneNumber.objects.filter(number=call.to_number).first()
    tenant = Tenant.objects.get(pk=ring.tenant_id)
    name = ours.label if ours and ours.label else display(call.to_number, tenant.country)
    says = documents.phrase(language, Phrase.RINGS, company=tenant.name, line=name)
    return twiml.ask_until(
        [says],
        [documents.phrase(language, Phrase.GOODBYE)],
        action_url=addresses.phone_step(ring.tenant_id, ring.pk, "phone-key"),
        times=TIMES,
        seconds=SECONDS,
    )


def _over(ring: PhoneRing, now: datetime) -> str:
    _stopped(ring, now)
    return _over_of(ring)


def _over_of(ring: PhoneRing) -> str:
    offer = ring.offer
    offer.refresh_from_db(fields=["end"])
    ring.refresh_from_db(fields=["taken_at"])
    room = offer.caller.call.conference
    if offer.end == End.ANSWERED and room is not None and room.agent is not None:
        return _say(ring, Phrase.ANSWERED_BY, name=str(room.agent))
    if offer.end == End.CLAIMED and ring.taken_at is None:
        return _say(ring, Phrase.ANSWERED_HERE)
    return _say(ring, Phrase.NO_LONGER)


def _stopped(ring: PhoneRing, now: datetime) -> None:
    """The document that they are given ends their call: nobody else needs to."""
    PhoneRing.objects.filter(pk=ring.pk, stopped_at=None).update(stopped_at=now)


def _say(ring: PhoneRing, what: Phrase, **values: str) -> str:
    return twiml.speak_and_hang_up([documents.phrase(_language(ring), what, **values)])


def _language(ring: PhoneRing) -> str:
    """The language of the line that was called."""
    call = ring.offer.caller.call
    lines = Line.objects.filter(number__number=call.to_number)
    found: str | None = lines.values_list("language", flat=True).first()
    return found or spoken.DEFAULT
