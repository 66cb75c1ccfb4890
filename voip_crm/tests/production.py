"""The Procfile's processes under a process manager, behind a proxy with TLS, on a database and a
Redis of their own. Only Twilio is ours: the sandbox, which localhost is allowed.
"""

import contextlib
import datetime as dt
import json
import os
import re
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from environ import Env
from honcho.environ import parse_procfile  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator

from voip_crm.local import sandbox_config
from voip_crm.tests import cast, harness
from voip_crm.tests.environment import free_port
from voip_crm.tests.test_live import Redis

PROCFILE = parse_procfile((settings.BASE_DIR / "Procfile").read_text()).processes
CAST = "import django; django.setup(); from voip_crm.tests import cast; cast.build()"


@dataclass
class Production:
    """A running production; `session` is a person's browser without JavaScript."""

    url: str
    environment: dict[str, str]
    processes: harness.Processes
    sandbox: harness.SandboxClient
    redis: Redis
    database: dict[str, str]
    secrets: set[str] = field(default_factory=set)  # what no log line may contain

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.processes.folder / "cert.pem")
        return session

    def sign_in(self) -> requests.Session:
        """As Bob."""
        session = self.session()
        page = session.get(f"{self.url}/", timeout=20)
        assert page.url.startswith(f"{self.url}/sign-in"), (page.status_code, page.text)
        form = {"username": "bob@acme.example", "password": cast.PASSWORD}
        form["csrfmiddlewaretoken"] = session.cookies["__Host-csrftoken"]
        page = session.post(page.url, form, headers={"Referer": page.url}, timeout=20)
        assert page.url == f"{self.url}/calls", page.text
        session.headers.update(
            Referer=page.url, **{"X-CSRFToken": session.cookies["__Host-csrftoken"]}
        )
        self.secrets |= {cast.PASSWORD, *session.cookies.values()}
        return session

    def webhook(self, url: str, **fields: str) -> requests.Response:
        """POST the fields to our path or URL as Twilio does, signed."""
        url = url if url.startswith("https:") else self.url + url
        url = url.partition("#")[0]
        form = {"AccountSid": self.environment["TWILIO_ACCOUNT_SID"], **fields}
        validator = RequestValidator(self.environment["TWILIO_AUTH_TOKEN"])
        signature = validator.compute_signature(url, form)
        self.secrets.add(signature)
        headers = {"X-Twilio-Signature": signature}
        return self.session().post(url, form, headers=headers, timeout=20)

    def connect_agent(self, session: requests.Session) -> str:
        """What Twilio tells when Bob's browser connects; the `clientRequestId`."""
        token = session.post(f"{self.url}/api/twilio/access-token", json={}, timeout=20).json()
        self.secrets.add(token["token"])
        request_id, sid = str(uuid.uuid4()), f"CA{uuid.uuid4().hex}"
        caller = {"CallSid": sid, "From": f"client:{token['identity']}"}
        answer = self.webhook(
            "/api/twilio/voice-webhook",
            **caller,
            CallStatus="ringing",
            clientRequestId=request_id,
        )
        room = ElementTree.fromstring(answer.text).find("Dial/Conference")
        assert room is not None, answer.text
        joined = self.webhook(
            room.attrib["statusCallback"],
            CallSid=sid,
            StatusCallbackEvent="participant-join",
            ParticipantLabel=room.attrib["participantLabel"],
            SequenceNumber="1",
        )
        assert joined.status_code == 204
        return request_id

    def connect(self, name: str = "") -> Any:
        """To the database as its owner, past the product."""
        names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        given: dict[str, Any] = {
            ours: self.database[k] for k, ours in names.items() if self.database[k]
        }
        return psycopg.connect(dbname=name or self.name, autocommit=True, **given)

    @property
    def name(self) -> str:
        return self.environment["DATABASE_URL"].rpartition("/")[2]

    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of all four processes."""
        lines = self.processes.log("honcho", 10**6).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextlib.contextmanager
def running() -> Iterator[Production]:
    """Migrated, with the cast, and ready."""
    processes = harness.Processes()
    folder, ports = processes.folder, {n: free_port() for n in ("proxy", "web", "live", "sandbox")}
    url = f"https://localhost:{ports['proxy']}"
    environment = {
        "DJANGO_SETTINGS_MODULE": "voip_crm.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PUBLIC_BASE_URL": url,
        "ALLOWED_HOSTS": "",
        "DATABASE_URL": re.sub(
            r"/[^/]+$", f"/prod_{secrets.token_hex(6)}", os.environ["DATABASE_URL"]
        ),
        "DATABASE_OWNER_URL": "",  # of the release only
        "RECORDINGS_DIR": str(folder / "recordings"),
        "TWILIO_SANDBOX_URL": f"http://127.0.0.1:{ports['sandbox']}",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
        "PORT": str(ports["web"]),
        "LIVE_PORT": str(ports["live"]),
        "WORKER_PROCESSES": "2",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    redis = Redis(folder)
    environment["REDIS_URL"] = redis.url
    site = Production(
        url,
        dict(os.environ) | environment,
        processes,
        harness.SandboxClient(environment["TWILIO_SANDBOX_URL"]),
        redis,
        Env.db_url_config(os.environ["DATABASE_OWNER_URL"]),
    )
    own = ("SECRET_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SECRET")
    site.secrets |= {site.environment[name] for name in own}
    site.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    administration = site.connect(site.database["NAME"])
    try:
        administration.execute(f'CREATE DATABASE "{site.name}"')
        _certificate(folder)
        config = json.dumps(sandbox_config(str(folder / "sandbox")) | {"ring_seconds": 0.3})
        (folder / "sandbox.json").write_text(config.replace(settings.PUBLIC_BASE_URL, url))
        options = ["--config", str(folder / "sandbox.json"), "--port", str(ports["sandbox"])]
        trust = {"SSL_CERT_FILE": str(folder / "cert.pem")}
        processes.start("sandbox", "-m", "sandbox", *options, **trust)
        where = [str(ports[name]) for name in ("proxy", "web", "live")]
        files = [str(folder / "cert.pem"), str(folder / "key.pem")]
        processes.start("proxy", "-m", "voip_crm.tests.proxy", *where, *files)
        # Static files are collected in test_static.py; here it would only cost time.
        for command in (
            ["sh", "-c", PROCFILE["release"].partition(" && ")[0]],
            ["python", "-c", CAST],
        ):
            subprocess.run(
                command,
                env=site.environment | {"DATABASE_OWNER_URL": os.environ["DATABASE_OWNER_URL"]},
                cwd=settings.BASE_DIR,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        started = [name for name in PROCFILE if name != "release"]
        options = ["start", "--no-colour", "--no-prefix", "-e", "none", *started]
        # As `honcho`, which gives its children five seconds to leave: too few for a busy machine.
        patient = "from honcho import command, manager; manager.KILL_WAIT = 25; command.main()"
        processes.start("honcho", "-c", patient, *options, **environment)
        ready = site.session()

        def is_ready() -> bool:
            paths = ("/readyz", "/live/readyz")
            return all(ready.get(url + path, timeout=20).status_code == 200 for path in paths)

        processes.wait_for("sandbox", f"{site.sandbox.url}/sandbox/health")
        harness.wait_until(lambda: (folder / "honcho.log").read_text().count("ready."), 60)
        harness.wait_until(is_ready, 60)
        yield site
    finally:
        processes.close()
        redis.kill()
        administration.execute(f'DROP DATABASE IF EXISTS "{site.name}" WITH (FORCE)')
        administration.close()


def _certificate(folder: Path) -> None:
    """`cert.pem` and `key.pem` for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
