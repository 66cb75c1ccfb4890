"""Access tokens for browsers, and the signature that webhooks carry."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlparse

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.request_validator import RequestValidator

from calls.gateway.accounts import TwilioAccount
from calls.gateway.addresses import in_our_order

TOKEN_TTL = 600  # seconds: a removed agent loses the phone after ten minutes at most


def access_token(account: TwilioAccount, identity: str) -> str:
    """A Voice token (JWT) with which a browser may connect, and only connect, as `identity`."""
    token = AccessToken(
        account.sid,
        account.api_key_sid,
        account.api_key_secret,
        identity=identity,
        ttl=TOKEN_TTL,
        # The library's default, now, is too early for a server whose clock is behind ours.
        nbf=int(time.time()) - 30,
    )
    token.add_grant(
        VoiceGrant(outgoing_application_sid=account.twiml_app_sid, incoming_allow=False)
    )
    return str(token.to_jwt())


def is_signed(account: TwilioAccount, url: str, form: Mapping[str, Any], signature: str) -> bool:
    """Whether `signature` is this account's for a form POST to `url` (the exact public URL), or to
    the same address with its parameters in our order: that is how we gave it to Twilio.
    """
    return any(
        is_plainly_signed(token, address, form, signature)
        or RequestValidator(token).validate(address, form, signature)
        for address in _as_signed(url)
        for token in account.auth_tokens
    )


def is_plainly_signed(token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether the signature is over exactly this URL and form: as it nearly always is, and told in
    a fifth of the library's time. No says nothing; the library knows the other ways.
    """
    if urlparse(url).geturl() != url:
        return False  # the library looks at what it makes of the address
    signed = url + "".join([name + form[name] for name in sorted(form)])
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    made = base64.b64encode(digest).decode()
    return hmac.compare_digest(made.encode(), signature.encode())


def _as_signed(url: str) -> Iterator[str]:
    yield url
    # Made only when the signature is not over what came.
    if (ours := in_our_order(url)) != url:
        yield ours
