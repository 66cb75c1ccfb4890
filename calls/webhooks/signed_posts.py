"""Who is believed to be Twilio: the shape of a webhook, its account, its signature."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict, UnreadablePostError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from calls import gateway
from calls.facts.sids import CALL, is_sid
from calls.gateway import accounts
from calls.gateway.accounts import TwilioAccount, TwilioNotConfigured
from calls.services.callbacks.reading import Form
from tenants.bricks import log_context
from tenants.bricks.gates import Crowded
from tenants.bricks.ids import read_uuid
from tenants.bricks.texts import storable

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


class TwilioWebhook(APIView):
    """A signed form POST. Subclasses answer `hear(account, form, query)`; nothing else is believed.

    Signature only: no session, no CSRF, no content negotiation.

    The signature proves the account, and an account can only ever touch what is its own. Which
    account: the shared one, or one of the workspace that our address names (`?tenant=`, so also in
    the voice URL of an own account's application, and of each number). Nothing but that
    row is read before the signature is found right.
    """

    authentication_classes = ()
    permission_classes = ()
    http_method_names = ("post",)

    def perform_content_negotiation(self, request: Request, *_: Any, **__: Any) -> Any:
        """Whatever Twilio says it accepts: only refusals are rendered, as JSON."""
        return JSONRenderer(), JSONRenderer.media_type

    def post(self, request: Request) -> HttpResponse:
        raw: HttpRequest = request._request
        if refusal := misshapen(raw):
            return HttpResponse(status=refusal)
        form = form_of(raw)
        if form is None:
            return HttpResponse(status=400)
        try:
            account = accounts.webhook_account(
                form.get("AccountSid"), read_uuid(raw.GET.get("tenant"))
            )
        except (TwilioNotConfigured, DatabaseError, InterfaceError):
            logger.exception("An own account could not be read")
            return self.unavailable()
        # The URL that Twilio was given, never the one that a proxy or a Host header claims.
        url = settings.PUBLIC_BASE_URL + raw.get_full_path()
        signature = raw.headers["X-Twilio-Signature"]
        if account is None or not gateway.is_signed(account, url, form, signature):
            return HttpResponse(status=403)
        if is_sid(call_sid := form.get("CallSid"), CALL):
            log_context.bind(call_sid=call_sid)
        return self.hear(account, storable(form), raw.GET)

    def unavailable(self) -> HttpResponse:
        """The signature cannot be checked now: Twilio sends it again."""
        return HttpResponse(status=503)

    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        raise NotImplementedError


def misshapen(raw: HttpRequest) -> int:
    """The status with which a request is refused that Twilio would not send, or 0."""
    # Only a bare HttpRequest has no content_params.
    charset = raw.content_params.get("charset", "utf-8")  # type: ignore[union-attr]
    if raw.content_type != _FORM or charset.lower() != "utf-8":
        return 415
    # Whoever has a session or a bearer token is a person, and in the person's workspace.
    if not raw.headers.get("X-Twilio-Signature") or is_person(raw):
        return 403
    try:
        # What claims to be longer than DATA_UPLOAD_MAX_MEMORY_SIZE is not read at all.
        return 413 if len(raw.body) > MAX_BODY else 0
    except (BadRequest, SuspiciousOperation, UnreadablePostError, ValueError):
        return 400  # ValueError: a Content-Length that is none


def is_person(raw: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in raw.COOKIES or "Authorization" in raw.headers


def form_of(raw: HttpRequest) -> dict[str, str] | None:
    """The parameters of a small body, as `HttpRequest.POST` has them; None when they are too many,
    or when one has two values: what is read of it might not be what was meant by Twilio.
    """
    try:
        body = raw.body.decode()
    except UnicodeDecodeError:
        body = raw.body.decode("iso-8859-1")
    try:
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=most)
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(set(pairs)) else None


def retriable(
    hear: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Answer 503 when the event cannot be taken now: Twilio then sends it again."""

    def answered(*args: Any) -> HttpResponse:
        try:
            return hear(*args)
        except (DatabaseError, InterfaceError):
            logger.exception("An event could not be stored")
        except Crowded as crowd:
            logger.warning("An event has to come again: %s", crowd)
        return HttpResponse(status=503)

    return answered
