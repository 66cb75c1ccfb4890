"""What Twilio asks about a caller: always answered with TwiML."""

import logging
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.http.request import QueryDict
from django.utils import timezone

from calls import tasks
from calls.facts.inbound import spoken
from calls.facts.inbound.spoken import Phrase
from calls.facts.sids import CALL, RECORDING
from calls.gateway import accounts, addresses, twiml
from calls.gateway.accounts import TwilioAccount
from calls.selectors import queues
from calls.services.callbacks.reading import Form, number, sid
from calls.services.inbound import arriving, documents, messages, standing, way
from calls.services.inbound.standing import Standing
from tenants.bricks import log_context
from tenants.bricks.ids import read_uuid
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)

Step = Callable[[Standing, Form, QueryDict], str]


def _turn(query: QueryDict) -> int:
    return number(query.get("turn"), below=10**6) or 0


def _key(form: Form) -> str:
    return form.get("Digits", "")[:1]


def _recording(form: Form) -> tuple[str, int]:
    """The SID of a message, and its seconds."""
    return sid(form.get("RecordingSid"), RECORDING), number(form.get("RecordingDuration")) or 0


_STEPS: dict[str, Step] = {
    "next": lambda at, form, query: way.onward(at),
    "key": lambda at, form, query: way.key(at, _key(form), query.get("menu", "")),
    "wait": lambda at, form, query: way.waiting(at, turn=_turn(query)),
    "wish": lambda at, form, query: way.wish(at, _key(form), turn=_turn(query)),
    "queue": lambda at, form, query: way.out_of_queue(
        at, form.get("QueueResult", ""), seconds=number(form.get("QueueTime")) or 0
    ),
    "bridge": lambda at, form, query: way.bridge(at),
    "message": lambda at, form, query: way.message(at, *_recording(form)),
    "outside": lambda at, form, query: way.after_outside(
        at, form.get("DialCallStatus", ""), sid(form.get("DialCallSid"), CALL)
    ),
}
CALLED, KEPT = "called", "kept"
STEPS = frozenset({CALLED, KEPT, *_STEPS})
_IN_QUEUE = ("wait", "wish")  # where only a few verbs are allowed


def answer(account: TwilioAccount, form: Form, query: QueryDict) -> str:
    """The document for one of `STEPS`."""
    tenant_id, step = read_uuid(query.get("tenant")), query.get("step", "")
    if tenant_id is None or not accounts.serves(account, tenant_id):
        logger.warning("A number's voice URL names no workspace that its account serves")
        return not_yet()
    log_context.bind(tenant=tenant_id)
    try:
        if step == CALLED:
            return _called(tenant_id, account, form, query)
        if step == KEPT:
            return _kept(tenant_id, account, form)
        call_id = read_uuid(query.get("call"))
        if call_id is None:
            return not_yet()
        return _step(step, tenant_id, call_id, account, form, query)
    except (DatabaseError, InterfaceError):
        logger.exception("A caller's request could not be served")
        return unserved(query)


def unserved(query: QueryDict) -> str:
    """What is said when nothing can be read: whatever has not begun becomes a message."""
    tenant_id, step = read_uuid(query.get("tenant")), query.get("step", "")
    call_id = read_uuid(query.get("call"))
    if tenant_id is None:
        return not_yet()
    if step in _IN_QUEUE and call_id:
        again = addresses.caller_step(tenant_id, call_id, "wait", turn=str(_turn(query)))
        return twiml.wait([documents.ring_back("")], again_url=again)
    if step in (KEPT, "message"):
        return _say(Phrase.THANKS)
    return documents.sorry(tenant_id)


def not_yet() -> str:
    return _say(Phrase.NOT_YET)


def _say(what: Phrase, language: str = spoken.DEFAULT) -> str:
    return twiml.speak_and_hang_up([documents.phrase(language, what)])


def _called(tenant_id: UUID, account: TwilioAccount, form: Form, query: QueryDict) -> str:
    arrived = _arrived(tenant_id, account, form)
    if arrived is None:
        logger.warning("A call came in for a number that this workspace does not have")
        return not_yet()
    log_context.bind(call=arrived.call_id)
    if arrived.is_blocked:
        return twiml.reject()
    says = documents.announcement(tenant_id, arrived.language, arrived.says)
    if says:
        return twiml.speak_and_go(says, addresses.caller_step(tenant_id, arrived.call_id, "next"))
    return _step("next", tenant_id, arrived.call_id, account, form, query)


def _arrived(tenant_id: UUID, account: TwilioAccount, form: Form) -> arriving.Arrived | None:
    return arriving.arrive(
        tenant_id,
        account_sid=account.sid,
        call_sid=sid(form.get("CallSid"), CALL),
        caller=form.get("From", ""),
        to=form.get("To", ""),
        said=form,
        now=timezone.now(),
    )


def _step(
    step: str,
    tenant_id: UUID,
    call_id: UUID,
    account: TwilioAccount,
    form: Form,
    query: QueryDict,
) -> str:
    log_context.bind(call=call_id)
    with tenant_transaction(tenant_id):
        call_sid = sid(form.get("CallSid"), CALL)
        at = standing.find(call_id, account.sid, call_sid, now=timezone.now())
        if at is None:
            return _say(Phrase.GOODBYE)
        before = at.caller.place
        document = _STEPS[step](at, form, query)
        # So that nobody waits for a process that has ended: each piece of waiting asks for it, too.
        groups = {queues.group_in(place) for place in (before, at.caller.place)} - {None}
        tasks.tend_groups(tenant_id, [group for group in groups if group])
        if step in _IN_QUEUE and at.caller.claimed_at:
            tasks.tend_now(tenant_id, at.room.pk)
        return document


def _kept(tenant_id: UUID, account: TwilioAccount, form: Form) -> str:
    """A message was left while we could not even write down the call: perhaps we can now. If not,
    its recording is told of, and the sweep asks Twilio.
    """
    recording, seconds = _recording(form)
    if not recording or not seconds:
        return _say(Phrase.NO_MESSAGE)
    arrived = _arrived(tenant_id, account, form)
    if arrived is not None and not arrived.is_blocked:
        with tenant_transaction(tenant_id):
            messages.note_left(arrived.call_id, recording, now=timezone.now())
    return _say(Phrase.THANKS)
