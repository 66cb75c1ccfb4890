"""Sign-in by Clerk: the bearer token of an API request, checked, and the member it stands for.

RS256 only, by the keys that Clerk publishes (JWKS). Session tokens of version 1 (`org_id`) and 2
(`o.id`) are read; the role comes from our membership, never from the token.
Source: clerk.com/docs/guides/sessions/manual-jwt-verification and …/session-tokens.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from django.http import HttpRequest

from tenants import doors
from tenants.models import Membership

logger = logging.getLogger(__name__)

PATHS = "/api/"
LEEWAY_SECONDS = 10
LONGEST_TOKEN = 8192
KEYS_LIVE_SECONDS = 300
STALE_KEYS_LIVE_SECONDS = 24 * 3600
REFETCH_SECONDS = 30  # at most so often because of an unknown key id
RETRY_SECONDS = 5  # after a failed fetch without any keys to go on with
FETCH_TIMEOUT = 3


class BadToken(Exception):
    """The token is refused; the message is for whoever sent it."""


class KeysUnavailable(Exception):
    """Clerk's keys cannot be fetched and none are known: nobody can be told right from wrong."""


@dataclass(frozen=True)
class Bearer:
    """What an Authorization header brought: a member, or None with the problem if there is one.

    Neither: the token is good, but its person or organisation is nobody here.
    """

    member: Membership | None = None
    problem: BadToken | KeysUnavailable | None = None


@dataclass(frozen=True)
class Claims:
    """Whom a good token names, by Clerk's ids. No organisation: none is active there."""

    user_id: str
    org_id: str | None


def bearer_of(request: HttpRequest) -> Bearer | None:
    """The bearer of a request to the API; None when it carries no bearer token."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not request.path_info.startswith(PATHS):
        return None
    try:
        claims = read_token(token.strip())
    except (BadToken, KeysUnavailable) as problem:
        return Bearer(problem=problem)
    return Bearer(doors.membership_by_clerk(claims.user_id, claims.org_id))


def read_token(token: str) -> Claims:
    """Raises `BadToken` and `KeysUnavailable`."""
    if not settings.CLERK_ISSUER:
        raise BadToken("Bearer tokens are not accepted here.")
    if len(token) > LONGEST_TOKEN:
        raise BadToken("The token is too long.")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        if not kid:
            raise BadToken("The token names no key.")
        key = _keys(settings.CLERK_JWKS_URL).get_signing_key(kid)
        if key.algorithm_name != "RS256":
            raise BadToken("The token's key is not for RS256.")
        payload = jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            issuer=settings.CLERK_ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "sub"]},
        )
    except jwt.PyJWKClientConnectionError as error:
        raise KeysUnavailable("Clerk's keys cannot be fetched.") from error
    except jwt.ExpiredSignatureError:
        raise BadToken("The token has expired. Ask Clerk for a new one.") from None
    # Beside its own errors PyJWT lets through what absurd numbers and nesting raise.
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise BadToken("The token is not valid here.") from None
    return _claims(payload)


def _claims(payload: Mapping[str, Any]) -> Claims:
    if payload.get("sts") == "pending":
        raise BadToken("The session is pending: its sign-in is not complete.")
    # Clerk leaves `azp` out when the browser sent no origin.
    if "azp" in payload and payload["azp"] not in settings.CLERK_AUTHORIZED_PARTIES:
        raise BadToken("The token was made for another site.")
    if not payload["sub"]:
        raise BadToken("The token names nobody.")
    return Claims(payload["sub"], _organisation(payload))


def _organisation(payload: Mapping[str, Any]) -> str | None:
    """None when the token has none. One that cannot be read is refused, for without one the
    person's own workspace would open.
    """
    if "o" not in payload and payload.get("org_id") is None:
        return None
    named = payload.get("o", {"id": payload.get("org_id")})
    org_id = named.get("id") if isinstance(named, dict) else None
    if not isinstance(org_id, str) or not org_id:
        raise BadToken("The token's organisation cannot be read.")
    return org_id


class _Keys(jwt.PyJWKClient):
    """PyJWT's client (cache, and a pause between fetches for unknown keys) that goes on with the
    last good keys when the server fails.
    """

    _good: dict[str, Any] | None = None
    _good_at = _failed_at = float("-inf")

    def fetch_data(self) -> Any:
        now = time.monotonic()
        if self._good is None and now - self._failed_at < RETRY_SECONDS:
            raise jwt.PyJWKClientConnectionError("The last fetch failed a moment ago.")
        try:
            self._good = super().fetch_data()
            self._good_at = now
        except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            logger.warning("The keys at %s could not be fetched: %s", self.uri, error)
            self._failed_at = now
            if self._good is None or now - self._good_at > STALE_KEYS_LIVE_SECONDS:
                raise jwt.PyJWKClientConnectionError(str(error)) from error
        # Old keys are cached like new ones, so the next try is after their time, not at once.
        return self._good


@lru_cache(maxsize=4)
def _keys(url: str) -> _Keys:
    return _Keys(
        url, lifespan=KEYS_LIVE_SECONDS, timeout=FETCH_TIMEOUT, cooldown_duration=REFETCH_SECONDS
    )
