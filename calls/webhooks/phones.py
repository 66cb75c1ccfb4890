"""What Twilio asks about a call to an agent's own telephone: always answered with TwiML."""

import logging
from uuid import UUID

from django.http.request import QueryDict
from django.utils import timezone

from calls import tasks
from calls.facts import states
from calls.facts.inbound import spoken
from calls.facts.inbound.spoken import Phrase
from calls.facts.sids import CALL
from calls.gateway import accounts, twiml
from calls.gateway.accounts import TwilioAccount
from calls.services.callbacks.reading import Form, heard_of_browser, sid
from calls.services.inbound import documents, picked_up
from calls.services.inbound.picked_up import Told
from tenants.bricks import log_context
from tenants.bricks.ids import read_uuid

logger = logging.getLogger(__name__)

RINGS, KEY, OVER = "phone", "phone-key", "phone-over"
STEPS = frozenset({RINGS, KEY, OVER})


def answer(account: TwilioAccount, form: Form, query: QueryDict) -> str:
    """The document for one of `STEPS`."""
    tenant_id, ring_id = read_uuid(query.get("tenant")), read_uuid(query.get("ring"))
    if tenant_id is None or ring_id is None or not accounts.serves(account, tenant_id):
        logger.warning("A telephone's address names no workspace that its account serves")
        return _goodbye()
    log_context.bind(tenant=tenant_id)
    try:
        told = _told(query.get("step", ""), tenant_id, ring_id, account, form)
    except LookupError as error:
        logger.warning("A telephone picked up of which nothing is known: %s", error)
        return _goodbye()
    tasks.tend_agent(tenant_id, told.user_id)
    return told.document


def _told(step: str, tenant_id: UUID, ring_id: UUID, account: TwilioAccount, form: Form) -> Told:
    now, call_sid = timezone.now(), sid(form.get("CallSid"), CALL)
    if step == KEY:
        heard = heard_of_browser(account, form, states.CALL, states.IN_PROGRESS, now)
        key = form.get("Digits", "")[:1]
        return picked_up.pressed(tenant_id, ring_id, key, account=account, heard=heard, now=now)
    say = picked_up.picked_up if step == RINGS else picked_up.over
    return say(tenant_id, ring_id, account_sid=account.sid, call_sid=call_sid, now=now)


def _goodbye() -> str:
    return twiml.speak_and_hang_up([documents.phrase(spoken.DEFAULT, Phrase.NO_LONGER)])
