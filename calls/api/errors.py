"""The API's errors: one body, `{"error": {"code", "message", "details"}}`, for everything."""

import logging
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from calls.facts.refusals import Refusal
from calls.gateway.accounts import TwilioNotConfigured
from tenants.signing_in import forgery

logger = logging.getLogger(__name__)

# Every code of the API and its status; docs/api.md says what to do about each.
HTTP_STATUS = {
    "invalid_number": 400,
    "invalid_request": 400,
    "parse_error": 400,
    "not_authenticated": 401,
    "authentication_failed": 401,
    "spend_cap": 402,
    "forbidden": 403,
    "no_tenant": 403,
    "call_not_found": 404,
    "contact_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "agent_not_connected": 409,
    "agent_busy": 409,
    "duplicate_in_progress": 409,
    "twilio_not_configured": 409,
    "no_caller_id": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "number_mismatch": 422,
    "emergency_blocked": 422,
    "premium_blocked": 422,
    "country_not_allowed": 422,
    "not_supported": 422,
    "call_rate_cap": 429,
    "concurrent_cap": 429,
    "rate_limited": 429,
    "throttled": 429,
    "internal_error": 500,
    "twilio_error": 502,
    "submission_unknown": 503,
    "unavailable": 503,
}
RETRY_SECONDS = 5


def body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details or {}}}


def unavailable(retry_after: int = RETRY_SECONDS) -> Refusal:
    """The database cannot answer now, or too many ask for the same; `retry_after` in seconds."""
    return Refusal("unavailable", "The service is busy. Try again.", retryAfter=retry_after)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: every refusal, whoever raised it, in the one body."""
    if isinstance(error, OperationalError):
        logger.exception("The database could not answer")
        error = unavailable()
    if isinstance(error, Refusal):
        set_rollback()
        return Response(
            body(error.code, error.message, error.details),
            HTTP_STATUS.get(error.code, 400),
            headers=_retry_after(error.details),
        )
    if isinstance(error, TwilioNotConfigured):
        message = "No Twilio account is configured yet. Ask an admin."
        return Response(body("twilio_not_configured", message), status.HTTP_409_CONFLICT)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    wait = getattr(error, "wait", None)
    details = {"retryAfter": ceil(wait)} if wait else {}
    headers = _retry_after(details)
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if isinstance(error, exceptions.ValidationError):
        return Response(
            body("invalid_request", "Some fields are invalid.", error.detail),
            error.status_code,
            headers=headers,
        )
    if str(error.detail).startswith("CSRF Failed"):  # of DRF's SessionAuthentication
        headers[forgery.REFUSED] = "1"
    code = str(error.get_codes())
    if code == exceptions.PermissionDenied.default_code:
        code = "forbidden"
    return Response(
        body(code, str(error.detail), details),
        error.status_code,
        headers=headers,
    )


def _retry_after(details: dict[str, Any]) -> dict[str, str]:
    """The header that says in seconds what the body's details say."""
    return {"Retry-After": str(details["retryAfter"])} if "retryAfter" in details else {}
