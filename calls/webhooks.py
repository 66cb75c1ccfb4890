"""What Twilio tells us: verified, routed to its tenant, stored. Never a 500, no network, no broker
needed. Contract: docs/architecture.md, “Webhooks”.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.utils import timezone
from django.utils.decorators import method_decorator
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from calls import accounts, addresses, gateway, states, tasks, twiml
from calls.accounts import TwilioAccount
from calls.models import Conference, UnroutedEvent
from calls.refusals import Refusal
from calls.services import presence, progress, recordings
from calls.services.progress import Heard, UnknownCall
from calls.sids import is_sid
from tenants import doors, log_context
from tenants.ids import read_uuid
from tenants.middleware import short_transactions

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
Form = dict[str, str]


@method_decorator(short_transactions, name="dispatch")
class TwilioWebhook(APIView):
    """A signed form POST. Subclasses answer `hear(account, form)`; nothing else is believed.

    Signature only: no session, no CSRF, no content negotiation.
    """

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    http_method_names = ("post",)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever Twilio says it accepts: only refusals are rendered, as JSON."""
        return JSONRenderer(), JSONRenderer.media_type

    def post(self, request: Request) -> HttpResponse:
        raw: HttpRequest = request._request
        if raw.content_type != _FORM:
            return HttpResponse(status=415)
        try:
            length = int(raw.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return HttpResponse(status=400)
        if length > MAX_BODY:
            return HttpResponse(status=413)
        signature = raw.headers.get("X-Twilio-Signature", "")
        if not signature:
            return HttpResponse(status=403)
        form = raw.POST
        account = accounts.account_by_sid(form.get("AccountSid", ""))
        # The URL that Twilio was given, never the one that a proxy or a Host header claims.
        url = settings.PUBLIC_BASE_URL + raw.get_full_path()
        if account is None or not gateway.is_signed(account, url, form, signature):
            return HttpResponse(status=403)
        log_context.bind(call_sid=_sid(form.get("CallSid")))
        return self.hear(account, _readable(form), raw.GET)

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        raise NotImplementedError


def retriable(
    hear: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Answer 503 when the database cannot take the event now: Twilio then sends it again."""

    def answered(*args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return hear(*args, **kwargs)
        except (DatabaseError, InterfaceError):
            logger.exception("An event could not be stored")
            return HttpResponse(status=503)

    return answered


class VoiceWebhook(TwilioWebhook):
    """An agent's browser has connected: bring it into the room of its wish to call."""

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        try:
            document = self._document(account, form, query)
        except Refusal as refusal:
            document = twiml.say_goodbye(refusal.message)
        except (DatabaseError, InterfaceError):
            logger.exception("A voice request could not be served")
            document = twiml.say_goodbye("The service is busy. Please try again in a moment.")
        return HttpResponse(document, content_type="text/xml")

    def _document(self, account: TwilioAccount, form: Form, query: QueryDict) -> str:
        if query.get("step") == "leg-ended":
            _store(account, form, query, _heard(form, states.ACTION, "leg-ended"))
            return twiml.hang_up()
        caller = form.get("From", "")
        if not caller.startswith("client:"):
            return twiml.say_goodbye("This number takes no calls yet. Goodbye.")
        # Out of the token that we minted; what the browser adds besides is only its wish.
        member = doors.membership_by_identity(caller.removeprefix("client:"))
        if member is None or not accounts.serves(account, member.tenant_id):
            raise Refusal("forbidden", "Your account may not place calls. Goodbye.")
        log_context.bind(tenant=member.tenant_id, user=member.user_id)
        request_id, call_sid = read_uuid(form.get("clientRequestId")), form.get("CallSid", "")
        if request_id is None or not is_sid(call_sid):
            raise Refusal("invalid_request", "This call cannot be connected. Goodbye.")
        room, leg = presence.admit_agent(
            member, account=account, client_request_id=request_id, call_sid=call_sid
        )
        status = _heard(form, states.CALL, form.get("CallStatus", ""))
        progress.hear(member.tenant_id, status, leg_id=leg.pk)
        return twiml.join_conference(
            room=room.name,
            label=leg.label,
            action_url=addresses.leg_ended(member.tenant_id, leg.pk),
            conference_callback=addresses.conference_status(member.tenant_id, room.pk),
            ends_room=False,
        )


class HoldMusicWebhook(TwilioWebhook):
    """What a contact hears whose agent was lost and may come back."""

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        return HttpResponse(twiml.please_hold(), content_type="text/xml")


class CallStatusWebhook(TwilioWebhook):
    """Progress of legs and of rooms."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        if "room" in query:
            heard = _heard(form, states.CONFERENCE, form.get("StatusCallbackEvent", ""))
        else:
            heard = _heard(form, states.CALL, form.get("CallStatus", ""))
        _store(account, form, query, heard)
        return HttpResponse(status=204)


class RecordingStatusWebhook(TwilioWebhook):
    """News of a recording. Its URL is never used: ours is made of the checked SIDs."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        tenant_id, call_id = read_uuid(query.get("tenant")), read_uuid(query.get("call"))
        sid = form.get("RecordingSid", "")
        if tenant_id is None or call_id is None or not is_sid(sid):
            _keep_aside(account, form, "no such call")
            return HttpResponse(status=204)
        if not _belongs(account, tenant_id):
            _keep_aside(account, form, "another account's call")
            return HttpResponse(status=204)
        log_context.bind(tenant=tenant_id, call=call_id)
        try:
            waiting = recordings.note_recording(
                tenant_id,
                call_id=call_id,
                call_sid=form.get("CallSid", ""),
                account_sid=account.sid,
                sid=sid,
                status=form.get("RecordingStatus", ""),
                duration=_number(form.get("RecordingDuration")),
                channels=2 if form.get("RecordingChannels") == "2" else 1,
                now=timezone.now(),
            )
        except LookupError as error:
            _keep_aside(account, form, str(error))
            return HttpResponse(status=204)
        if waiting is not None:
            tasks.queue(tasks.fetch_recording, tenant_id, waiting.pk)
        return HttpResponse(status=204)


def _store(account: TwilioAccount, form: Form, query: QueryDict, heard: Heard) -> None:
    """Route an event to its tenant and store it there, or keep it aside."""
    tenant_id, room_id, leg_id = (read_uuid(query.get(name)) for name in ("tenant", "room", "leg"))
    if tenant_id is None and heard.call_sid:
        # A TwiML app's callback has one address for everybody: the client's identity tells.
        member = doors.membership_by_identity(form.get("From", "").removeprefix("client:"))
        tenant_id = member.tenant_id if member else None
    if tenant_id is None or not _belongs(account, tenant_id):
        _keep_aside(account, form, "no such tenant")
        return
    log_context.bind(tenant=tenant_id, room=room_id, leg=leg_id)
    try:
        closing: Conference | None = progress.hear(tenant_id, heard, room_id=room_id, leg_id=leg_id)
    except (UnknownCall, IntegrityError) as error:
        _keep_aside(account, form, str(error))
        return
    if closing is not None:
        tasks.queue(tasks.tend_room, tenant_id, closing.pk)


def _belongs(account: TwilioAccount, tenant_id: UUID) -> bool:
    """The signature proves the account; the tenant must be one that this account serves."""
    return doors.tenant_by_id(tenant_id) is not None and accounts.serves(account, tenant_id)


def _keep_aside(account: TwilioAccount, form: Form, reason: str) -> None:
    digest = hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()
    UnroutedEvent.objects.get_or_create(
        key=digest,
        defaults={
            "account_sid": account.sid,
            "call_sid": form.get("CallSid", "")[:34],
            "reason": reason[:60],
            "payload": form,
        },
    )


def _heard(form: Form, kind: str, name: str) -> Heard:
    """Read what is known of a form; unknown fields and values are kept and do no harm."""
    return Heard(
        kind=kind,
        name=name,
        at=_time(form.get("Timestamp")),
        payload=form,
        sequence=_number(form.get("SequenceNumber")),
        duration=_number(form.get("CallDuration")),
        sip_code=_number(form.get("SipResponseCode"), below=1000),
        error_code=_number(form.get("ErrorCode")),
        call_sid=_sid(form.get("CallSid")),
        label=form.get("ParticipantLabel", ""),
        conference_sid=_sid(form.get("ConferenceSid")),
    )


def _readable(form: QueryDict) -> Form:
    """The fields as text; NUL characters, which PostgreSQL cannot store, are replaced."""
    return {
        name.replace("\0", "\ufffd"): str(value).replace("\0", "\ufffd")
        for name, value in form.items()
    }


def _time(text: str | None) -> datetime:
    """An RFC 2822 time as aware UTC; the present when there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return timezone.now()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _number(text: str | None, *, below: int = 2**31) -> int | None:
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    number = int(text)
    return number if number < below else None


def _sid(text: str | None) -> str:
    return text if text and is_sid(text) else ""
