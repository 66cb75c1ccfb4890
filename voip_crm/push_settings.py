"""Web Push: how browsers are told of callers while no page of ours is open."""

import base64
import re
import sys
from typing import NamedTuple

from voip_crm.environment import SEE, Environment

# Of Chrome and those made of it, Firefox, Edge, Safari.
HOSTS = [
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.notify.windows.com",
    "*.push.apple.com",
]


_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


class WebPush(NamedTuple):
    """`private_key`: base64url of the 32 bytes that sign for us (RFC 8292); `contact`: whom a push
    service may ask about us; `hosts`: where push services are (`calls.facts.pushes`).
    """

    private_key: str
    contact: str
    hosts: tuple[str, ...]


def push(env: Environment) -> WebPush | None:
    """None: it is switched off."""
    key = env.str("WEB_PUSH_PRIVATE_KEY", "").rstrip("=")
    contact = env.str("WEB_PUSH_CONTACT", "")
    hosts = env.list("WEB_PUSH_HOSTS", default=[]) or HOSTS
    if not key:
        return None
    if not _is_key(key):
        sys.exit(f"WEB_PUSH_PRIVATE_KEY is no key; `manage.py make_push_key` makes one. {SEE}")
    if not re.fullmatch(r"mailto:[^\s@]+@[\w-]+(\.[\w-]+)+", contact):
        sys.exit(f"WEB_PUSH_CONTACT is no address like mailto:crm@example.com. {SEE}")
    for host in hosts:
        if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", host):
            sys.exit(f"WEB_PUSH_HOSTS has a name that is no host's. {SEE}")
    return WebPush(key, contact, tuple(hosts))


def _is_key(text: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
        return False
    return 0 < int.from_bytes(base64.urlsafe_b64decode(f"{text}=")) < _ORDER
