"""Twilio asks what to do with a leg. It always gets TwiML, even without a database."""

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from django.http.request import QueryDict
from django.utils import timezone

from calls.facts import states
from calls.facts.refusals import Refusal
from calls.facts.sids import CALL, is_sid
from calls.gateway import twiml
from calls.gateway.accounts import TwilioAccount
from calls.services import guarding
from calls.services.callbacks import routing
from calls.services.callbacks.reading import Form, Hook, heard_of_browser
from calls.services.rooms import presence
from calls.services.rooms.progress import UnknownCall
from calls.webhooks import hearing, inbound, phones
from calls.webhooks.signed_posts import TwilioWebhook
from tenants.bricks import log_context
from tenants.bricks.gates import Crowded, Gate
from tenants.bricks.ids import read_uuid

logger = logging.getLogger(__name__)
_arrivals = Gate(2)  # of those who want into one room, which may be locked


class VoiceWebhook(TwilioWebhook):
    """An agent's browser has connected: bring it into the room of its wish to call."""

    def unavailable(self) -> HttpResponse:
        query = self.request.GET
        is_caller = query.get("step") in inbound.STEPS
        return _answer(inbound.unserved(query)) if is_caller else _busy()

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        try:
            document = self._document(account, form, query)
        except Refusal as refusal:
            document = twiml.say_goodbye(refusal.message)
        except (DatabaseError, InterfaceError, Crowded):
            logger.exception("A voice request could not be served")
            return _busy()
        return _answer(document)

    def _document(self, account: TwilioAccount, form: Form, query: QueryDict) -> str:
        step = query.get("step")
        if step == "leg-ended":
            hearing.hear(Hook.LEG_ENDED, account, form, query)
            return twiml.hang_up()
        if step in inbound.STEPS:
            return inbound.answer(account, form, query)
        if step in phones.STEPS:
            return phones.answer(account, form, query)
        caller = form.get("From", "")
        if not caller.startswith("client:"):
            return inbound.not_yet()
        # Out of the token that we minted; what the browser adds besides is only its wish.
        identity = caller.removeprefix("client:")
        agent = routing.named_behind(account, identity)
        if agent is None:
            raise Refusal("forbidden", presence.NO_CALLS)
        log_context.bind(tenant=agent.tenant_id, user=agent.user_id)
        if form.get("purpose") == "test":
            if routing.member_behind(account, identity) is None:
                raise Refusal("forbidden", presence.NO_CALLS)
            return twiml.try_sound()  # whatever else it asks for: nothing of it is read or kept
        request_id, call_sid = read_uuid(form.get("clientRequestId")), form.get("CallSid", "")
        if request_id is None or not is_sid(call_sid, CALL):
            raise Refusal("invalid_request", "This call cannot be connected. Goodbye.")
        said = form.get("CallStatus", "")
        try:
            with _arrivals.passing(request_id):
                room, leg, longest = presence.admit_agent(
                    agent,
                    account=account,
                    client_request_id=request_id,
                    call_sid=call_sid,
                    heard=heard_of_browser(account, form, states.CALL, said, timezone.now()),
                )
        except Refusal as refusal:
            guarding.note_stop(agent, refusal)
            raise
        except UnknownCall as error:
            raise Refusal("call_over", "This call is over.") from error
        return presence.into_room(room, leg, longest)


class HoldMusicWebhook(TwilioWebhook):
    """What a contact hears whose agent was lost and may come back: the same for everybody, so also
    when it cannot be told who asks.
    """

    def unavailable(self) -> HttpResponse:
        return _answer(twiml.please_hold())

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        return self.unavailable()


class VoiceFallbackWebhook(TwilioWebhook):
    """What a caller hears when the voice URL of a number, or what it has led to, has given no
    answer: an apology and a voicemail, whatever is away here.
    """

    def unavailable(self) -> HttpResponse:
        return _answer(inbound.unserved(self.request.GET))

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        facts = {"error": form.get("ErrorCode", "")[:10]}
        logger.error("Twilio asks the fallback URL of a number", extra={"facts": facts})
        return _answer(inbound.unserved(query))


def _busy() -> HttpResponse:
    return _answer(twiml.say_goodbye("The service is busy. Please try again in a moment."))


def _answer(document: str) -> HttpResponse:
    return HttpResponse(document, content_type="text/xml")
