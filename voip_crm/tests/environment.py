"""The tests' environment, set before Django reads its settings (`-p` in pytest.ini).

Nothing of the developer's own Twilio account or `.env` reaches a test. Ports are chosen here, so
that the processes of `harness` and the settings of the test process name the same addresses.
"""

import base64
import contextlib
import os
import secrets
import socket
from urllib.parse import urlsplit


def free_port() -> int:
    """One that no outgoing connection takes before a server does: those begin above 32,767."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def allowed_hosts() -> set[str]:
    """Host names that tests may connect to: this machine and the services given by URL."""
    given = (urlsplit(os.environ[name]).hostname for name in ("DATABASE_URL", "REDIS_URL"))
    return {"localhost", "::1", *filter(None, given)}


os.environ.update(
    SECRET_KEY=secrets.token_urlsafe(40),
    SECRETS_KEYS=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    DEBUG="0",
    PUBLIC_BASE_URL=f"http://localhost:{free_port()}",
    ALLOWED_HOSTS="localhost,127.0.0.1",
    STATIC_USE_FINDERS="1",
    LOG_LEVEL="WARNING",
    LOG_FORMAT="plain",
    TWILIO_SANDBOX_URL=f"http://127.0.0.1:{free_port()}",
    TWILIO_ACCOUNT_SID=f"AC{secrets.token_hex(16)}",
    TWILIO_AUTH_TOKEN=secrets.token_hex(16),
    TWILIO_API_KEY_SID=f"SK{secrets.token_hex(16)}",
    TWILIO_API_KEY_SECRET=secrets.token_hex(16),
    TWILIO_TWIML_APP_SID=f"AP{secrets.token_hex(16)}",
    # Long enough for a busy machine to answer in, short enough to wait for.
    RING_TIMEOUT="12",
    SWEEP_SECONDS="4",
    # Playwright's sync API keeps an event loop in the main thread, where the tests use the ORM.
    DJANGO_ALLOW_ASYNC_UNSAFE="1",
)
# ./test gives PostgreSQL and Redis; a quick `python -m pytest contacts` works without.
os.environ.setdefault("DATABASE_URL", "sqlite:///:memory:")
os.environ.setdefault("REDIS_URL", "")
