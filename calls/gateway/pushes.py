"""Push services of browsers: what is said to a browser while no page of ours is open in it.

RFC 8030 sends it, RFC 8291 encrypts it for that browser alone, RFC 8292 (VAPID) says who we are.
"""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from calls.facts.pushes import decoded, is_push_service
from tenants.bricks.breaker import Breaker, NotAsked

ASKED = (2, 3)  # seconds for a connection, and between two bytes of an answer


class Told(Enum):
    YES = "yes"
    GONE = "gone"  # there is no such browser any more
    NO = "no"  # this time


class _Direct(requests.Session):
    """One that goes where it is sent and nowhere else."""

    def post(self, *args: Any, **options: Any) -> requests.Response:
        return super().post(*args, **options | {"allow_redirects": False})


def public_key() -> str:
    """Ours, as browsers want it (base64url); "" where Web Push is switched off."""
    return _public_key(settings.WEB_PUSH.private_key) if settings.WEB_PUSH else ""


@cache
def _public_key(private_key: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.derive_private_key(int.from_bytes(decoded(private_key)), ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _said(point)


def new_key() -> str:
    """A private key for WEB_PUSH_PRIVATE_KEY."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _said(number.to_bytes(32))


def _said(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def tell(
    endpoint: str, keys: Mapping[str, str], message: Mapping[str, Any], *, lasts: timedelta
) -> tuple[Told, str]:
    """Say something to a browser: whether that was done, and why not. `keys`: its `p256dh` and
    `auth`; `lasts`: after which the push service is to forget it.

    Talks to the push service, so it must run outside any transaction.
    """
    # Half a second, for which most installations have no use.
    from py_vapid import Vapid
    from pywebpush import WebPushException, webpush

    ours = settings.WEB_PUSH
    if ours is None or not is_push_service(endpoint, ours.hosts):
        return Told.GONE, "it is at no push service that WEB_PUSH_HOSTS names"
    service = urlsplit(endpoint).netloc
    try:
        with _hangs(service).asking(requests.ConnectionError, requests.Timeout), _Direct() as wire:
            webpush(
                {"endpoint": endpoint, "keys": dict(keys)},
                json.dumps(message, ensure_ascii=False),
                vapid_private_key=Vapid.from_raw(ours.private_key.encode()),
                vapid_claims={"sub": ours.contact},
                headers={"Urgency": "high"},
                ttl=int(lasts.total_seconds()),
                timeout=ASKED,  # type: ignore[arg-type]  # handed on to requests, which takes two
                requests_session=wire,
            )
    except WebPushException as error:
        gone = error.status_code in (404, 410)
        return Told.GONE if gone else Told.NO, f"{service} answered {error.status_code}"
    except (requests.RequestException, NotAsked) as error:
        return Told.NO, f"{service} does not answer: {type(error).__name__}"
    return Told.YES, ""


@cache
def _hangs(service: str) -> Breaker:
    """One for each push service; there are as many as WEB_PUSH_HOSTS lets in."""
    return Breaker(f"The push service {service}", seconds=5, after=3)
