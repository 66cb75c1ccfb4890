"""Access tokens of the Voice SDK: checked as Twilio's signalling checks them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import jwt

from sandbox.config import Account

MAX_TTL_SECONDS = 86_400


class TokenRejected(Exception):
    """``code`` is the signalling error that the SDK maps to its own (31204 gives 20101 …)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Grant:
    """Who speaks and what the token allows. ``ttl`` in seconds from now."""

    account: Account
    identity: str
    ttl: int
    application_sid: str = ""
    outgoing_params: dict[str, str] = field(default_factory=dict)
    incoming: bool = False


def read(token: str, accounts: dict[str, Account]) -> Grant:
    """Verify a token. Raises TokenRejected."""
    try:
        loose: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise TokenRejected(31204, "Invalid access token") from None
    account = accounts.get(str(loose.get("sub")))
    secret = account.api_keys.get(str(loose.get("iss"))) if account else None
    if account is None or secret is None or header.get("cty") != "twilio-fpa;v=1":
        raise TokenRejected(31204, "Invalid access token: account, key or header")
    try:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], options={"require": ["exp"], "verify_aud": False}
        )
    except jwt.ExpiredSignatureError:
        raise TokenRejected(31205, "Access token expired") from None
    except jwt.ImmatureSignatureError:
        # REST and alerts know this as 20105; the SDK has no signalling code of its own for it.
        raise TokenRejected(31204, "Access token not yet valid (20105)") from None
    except jwt.PyJWTError as error:
        raise TokenRejected(31204, f"Invalid access token: {error}") from None
    if claims["exp"] - claims.get("iat", claims.get("nbf", time.time())) > MAX_TTL_SECONDS:
        raise TokenRejected(31207, "Access token lives too long")
    grants = claims.get("grants", {})
    voice, identity = grants.get("voice"), grants.get("identity")
    if not isinstance(voice, dict) or not identity:
        raise TokenRejected(31201, "Access token without identity or voice grant")
    outgoing = voice.get("outgoing", {})
    return Grant(
        account,
        str(identity),
        int(claims["exp"] - time.time()),
        str(outgoing.get("application_sid", "")),
        {str(k): str(v) for k, v in outgoing.get("params", {}).items()},
        bool(voice.get("incoming", {}).get("allow")),
    )
