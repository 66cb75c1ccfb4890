"""A push service of the tests' own, and browsers that it serves, which read what they are sent with
their own keys.

Nothing here is of the libraries that the product sends with: RFC 8188, 8291 and 8292 are read anew.
"""

import base64
import datetime
import json
import re
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

# As `voip_crm.push_settings` makes it of the environment; the key is RFC 8291's own example.
WEB_PUSH = SimpleNamespace(
    private_key="yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",  # pragma: allowlist secret
    contact="mailto:crm@example.com",
    hosts=(
        "fcm.googleapis.com",
        "*.push.services.mozilla.com",
        "*.notify.windows.com",
        "*.push.apple.com",
    ),
)


def said(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    kind = serialization.PublicFormat.UncompressedPoint
    return key.public_bytes(serialization.Encoding.X962, kind)


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class Browser:
    """One that has subscribed: its keys, and what it makes of what it is sent."""

    def __init__(self) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16)
        self.name = secrets.token_urlsafe(16)

    @property
    def keys(self) -> dict[str, str]:
        return {"p256dh": said(point(self.key.public_key())), "auth": said(self.auth)}

    def open(self, body: bytes) -> Any:
        """RFC 8291, section 3.4; RFC 8188, section 2.1: one record."""
        salt, size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        info = b"WebPush: info\0" + point(self.key.public_key()) + theirs
        material = derived(self.key.exchange(ec.ECDH(), sender), self.auth, info, 32)
        key = derived(material, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derived(material, salt, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert padded[-1:] == b"\x02", "the last record"
        return json.loads(padded[:-1])


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """At https://localhost. `answers`: what it says instead of 201, by the browser's name; `slow`:
    seconds that it takes for it.
    """

    certificate: Path
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    slow: float = 0

    def __post_init__(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.asked.append(Asked(self.path, headers, body))
                time.sleep(service.slow)
                status, more = service.answers.get(self.path.rpartition("/")[2], (201, {}))
                self.send_response(status)
                for name, value in {"Content-Length": "0", **more}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"localhost:{self.server.server_address[1]}"

    def endpoint(self, browser: Browser) -> str:
        return f"https://{self.host}/push/{browser.name}"

    def received(self, browser: Browser, *, public_key: str, contact: str) -> list[Any]:
        """What the browser was sent, in order: each sent as it must be, and by us."""
        path = f"/push/{browser.name}"
        mine = [each for each in self.asked if each.path == path]
        for each in mine:
            self.check(each, public_key, contact)
        return [browser.open(each.body) for each in mine]

    def check(self, asked: Asked, public_key: str, contact: str) -> None:
        assert asked.headers["content-encoding"] == "aes128gcm"
        assert asked.headers["urgency"] == "high"
        assert 0 < int(asked.headers["ttl"]) <= 30, "forgotten soon"
        found = re.fullmatch(r"vapid t=(\S+), ?k=(\S+)", asked.headers["authorization"])
        assert found is not None, "RFC 8292, section 3"
        token, key = found.groups()
        assert key == public_key
        ours = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), read(key))
        claims = jwt.decode(token, ours, ["ES256"], audience=f"https://{self.host}")
        assert claims["sub"] == contact
        assert time.time() < claims["exp"] < time.time() + 24 * 3600

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path) -> Path:
    """Of localhost, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "localhost.pem"
    path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return path
