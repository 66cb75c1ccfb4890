"""X-Twilio-Signature as Twilio computes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit


def signed_url(url: str) -> str:
    """The part of a configured URL that is signed.

    Without #fragment and userinfo. Voice over HTTPS drops the port, plain HTTP keeps it.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https" and parts.port is not None:
        host = host.rpartition(":")[0]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def signature(auth_token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """Base64 of HMAC-SHA1 over the URL and the form fields sorted by name, undelimited."""
    text = signed_url(url) + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
