"""What Twilio tells us: verified, routed to its tenant, stored. Never a 500, no network, no broker
needed. Contract: docs/architecture.md, “Webhooks”.
"""

import hashlib
import json
import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from django.db import DatabaseError, IntegrityError, InterfaceError
from django.http import HttpResponse
from django.http.request import QueryDict
from django.utils import timezone

from calls import accounts, addresses, states, tasks, twiml
from calls.accounts import TwilioAccount
from calls.models import Conference, UnroutedEvent
from calls.refusals import Refusal
from calls.services import guarding, presence, progress, recordings
from calls.services.progress import Heard, UnknownCall
from calls.sids import CALL, CONFERENCE, RECORDING, is_sid
from calls.signed_posts import Form, TwilioWebhook, retriable
from tenants import doors, log_context
from tenants.ids import read_uuid
from tenants.models import Membership

logger = logging.getLogger(__name__)

KEPT_ASIDE = 1000  # of an account, the newest
PLAUSIBLE_YEARS = range(2000, 2100)  # beyond, sums of times and durations could fail


class VoiceWebhook(TwilioWebhook):
    """An agent's browser has connected: bring it into the room of its wish to call."""

    def unavailable(self) -> HttpResponse:
        return _busy()

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        try:
            document = self._document(account, form, query)
        except Refusal as refusal:
            document = twiml.say_goodbye(refusal.message)
        except (DatabaseError, InterfaceError):
            logger.exception("A voice request could not be served")
            return _busy()
        return HttpResponse(document, content_type="text/xml")

    def _document(self, account: TwilioAccount, form: Form, query: QueryDict) -> str:
        if query.get("step") == "leg-ended":
            _store(
                account, form, query, _heard_of_browser(account, form, states.ACTION, "leg-ended")
            )
            return twiml.hang_up()
        caller = form.get("From", "")
        if not caller.startswith("client:"):
            return twiml.say_goodbye("This number takes no calls yet. Goodbye.")
        # Out of the token that we minted; what the browser adds besides is only its wish.
        member = _member(account, caller)
        if member is None:
            raise Refusal("forbidden", "Your account may not place calls. Goodbye.")
        log_context.bind(tenant=member.tenant_id, user=member.user_id)
        request_id, call_sid = read_uuid(form.get("clientRequestId")), form.get("CallSid", "")
        if request_id is None or not is_sid(call_sid, CALL):
            raise Refusal("invalid_request", "This call cannot be connected. Goodbye.")
        try:
            room, leg = presence.admit_agent(
                member, account=account, client_request_id=request_id, call_sid=call_sid
            )
        except Refusal as refusal:
            guarding.note_stop(member, refusal)
            raise
        status = _heard_of_browser(account, form, states.CALL, form.get("CallStatus", ""))
        try:
            progress.hear(member.tenant_id, status, leg_id=leg.pk)
        except UnknownCall as error:
            raise Refusal("call_over", "This call is over.") from error
        return twiml.join_conference(
            room=room.name,
            label=leg.label,
            action_url=addresses.leg_ended(member.tenant_id, leg.pk),
            conference_callback=addresses.conference_status(member.tenant_id, room.pk),
            ends_room=False,
            time_limit=presence.seconds_at_most(member.tenant),
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
            heard = _heard(account, form, states.CONFERENCE, form.get("StatusCallbackEvent", ""))
        else:
            heard = _heard(account, form, states.CALL, form.get("CallStatus", ""))
        _store(account, form, query, heard)
        return HttpResponse(status=204)


class RecordingStatusWebhook(TwilioWebhook):
    """News of a recording. Its URL is never used: ours is made of the checked SIDs."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        tenant_id, call_id = read_uuid(query.get("tenant")), read_uuid(query.get("call"))
        sid = form.get("RecordingSid", "")
        if tenant_id is None or call_id is None or not is_sid(sid, RECORDING):
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
        except (LookupError, IntegrityError) as error:
            _keep_aside(account, form, str(error))
            return HttpResponse(status=204)
        if waiting is not None:
            tasks.queue(tasks.fetch_recording, tenant_id, waiting.pk)
        return HttpResponse(status=204)


def _store(account: TwilioAccount, form: Form, query: QueryDict, heard: Heard) -> None:
    """Route an event to its tenant and store it there, or keep it aside."""
    tenant_id, room_id, leg_id = (read_uuid(query.get(name)) for name in ("tenant", "room", "leg"))
    if tenant_id is None:
        # A TwiML app's callback has one address for everybody: the client's identity tells.
        member = _member(account, form.get("From", ""))
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


def _member(account: TwilioAccount, caller: str) -> Membership | None:
    """The member behind `client:…`, of a tenant that this account serves."""
    identity = caller.removeprefix("client:")
    if not accounts.serves(account, doors.tenant_named_by(identity)):
        return None
    return doors.membership_by_identity(identity)


def _belongs(account: TwilioAccount, tenant_id: UUID) -> bool:
    """The signature proves the account; the tenant must be one that this account serves."""
    return accounts.serves(account, tenant_id) and doors.tenant_by_id(tenant_id) is not None


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
    # Whoever owns an account can sign anything, and as much as they like.
    kept = UnroutedEvent.objects.filter(account_sid=account.sid).order_by("-pk")
    UnroutedEvent.objects.filter(
        pk__in=list(kept.values_list("pk", flat=True)[KEPT_ASIDE:])
    ).delete()


def _busy() -> HttpResponse:
    document = twiml.say_goodbye("The service is busy. Please try again in a moment.")
    return HttpResponse(document, content_type="text/xml")


def _heard(account: TwilioAccount, form: Form, kind: str, name: str) -> Heard:
    """Read what is known of a callback; unknown fields and values are kept and do no harm."""
    of_room = kind == states.CONFERENCE  # whoever else names a room could name a stranger's
    return Heard(
        kind=kind,
        name=name,
        at=_time(form.get("Timestamp")),
        payload=form,
        sequence=_number(form.get("SequenceNumber")),
        duration=_number(form.get("CallDuration")),
        sip_code=_number(form.get("SipResponseCode"), below=1000),
        error_code=_number(form.get("ErrorCode")),
        call_sid=_sid(form.get("CallSid"), CALL),
        label=form.get("ParticipantLabel", ""),
        conference_sid=_sid(form.get("ConferenceSid"), CONFERENCE) if of_room else "",
        account_sid=account.sid,
    )


def _heard_of_browser(account: TwilioAccount, form: Form, kind: str, name: str) -> Heard:
    """Read a request into which the browser may have put fields of its own: all that Twilio itself
    always sends with it is the call.
    """
    return Heard(
        kind=kind,
        name=name,
        at=timezone.now(),
        payload=form,
        call_sid=_sid(form.get("CallSid"), CALL),
        account_sid=account.sid,
    )


def _time(text: str | None) -> datetime:
    """An RFC 2822 time as aware UTC; the present when there is none that can be believed."""
    try:
        moment = parsedate_to_datetime(text or "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return timezone.now()
    return moment if moment.year in PLAUSIBLE_YEARS else timezone.now()


def _number(text: str | None, *, below: int = 2**31) -> int | None:
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    number = int(text)
    return number if number < below else None


def _sid(text: str | None, kind: str) -> str:
    return text if is_sid(text, kind) else ""
