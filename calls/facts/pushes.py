"""What a browser says of where it may be told something while no page of ours is open (Web Push):
the address that its push service has given it (RFC 8030), and its keys (RFC 8291). Pure.

The address is a stranger's text to which we send requests, so only services that we know count.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

LONGEST_ENDPOINT = 1000
# Of P-256, on which the browser's public key lies: y² = x³ - 3x + b.
_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def is_push_service(endpoint: str, hosts: Iterable[str]) -> bool:
    """Whether it is an address at one of these hosts, each like `push.example.com`,
    `*.push.example.com` (any below) or, at a port of its own, `localhost:8443`.
    """
    if len(endpoint) > LONGEST_ENDPOINT or not re.fullmatch(r"https://[!-~]+", endpoint):
        return False
    # What browsers and libraries read differently.
    if "\\" in endpoint or "#" in endpoint:
        return False
    place = urlsplit(endpoint).netloc.lower().removesuffix(":443")
    # A label is as long as the DNS has them: what has others fails where it is looked up.
    if not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*(:[0-9]{1,5})?", place):
        return False
    return any(_is_at(place, host) for host in hosts)


def _is_at(place: str, host: str) -> bool:
    is_below = host.startswith("*.") and place.endswith(host[1:])
    return place == host or is_below


def is_public_key(text: str) -> bool:
    """Whether it is a point of the curve, uncompressed, as browsers say it (base64url)."""
    point = decoded(text)
    if len(point) != 65 or point[0] != 4:
        return False
    x, y = int.from_bytes(point[1:33]), int.from_bytes(point[33:])
    return max(x, y) < _PRIME and (y * y - (x * x * x - 3 * x + _B)) % _PRIME == 0


def is_secret(text: str) -> bool:
    """Whether it is the secret of a subscription: 16 bytes."""
    return len(decoded(text)) == 16


def decoded(text: str) -> bytes:
    """Of base64url, with its padding or without; b"" for what is none."""
    bare = text.rstrip("=")
    is_padded = len(text) % 4 == 0 and len(text) - len(bare) <= 2
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", bare) or not (text == bare or is_padded):
        return b""
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        return b""
