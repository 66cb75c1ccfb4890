"""The Procfile's processes under a process manager, behind a proxy with TLS, on a database and a
Redis of their own. Only Twilio is ours: the sandbox, which localhost is allowed.
"""

import contextlib
import datetime as dt
import json
import os
import secrets
import signal
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
from voip_crm.tests import cast, harness, pooler
from voip_crm.tests.environment import free_port
from voip_crm.tests.test_live import Redis

PROCFILE = parse_procfile((settings.BASE_DIR / "Procfile").read_text()).processes
ELSEWHERE = "postgres"  # the lanes copy the database that is given: nobody may be in it meanwhile
POOLED = bool(os.environ.get("POOLED"))  # ./test pooler
CAST = """
import django
django.setup()
from tenants.models import User
from tenants.people.services import add_member
from voip_crm.tests import cast
acme = cast.build().acme
for number in range(10):
    email = f"agent{number}@acme.example"
    add_member(acme, email=email, name=f"Agent {number}", role="agent")
agents = User.objects.filter(email__startswith="agent")
agents.update(password=cast.password_hash())  # slow on purpose, so once for all
"""


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

    def sign_in(self, email: str = "bob@acme.example") -> requests.Session:
        """As Bob, or as one of `agent0` to `agent9@acme.example`."""
        session = self.session()
        page = session.get(f"{self.url}/", timeout=20)
        assert page.url.startswith(f"{self.url}/sign-in"), (page.status_code, page.text)
        form = {"username": email, "password": cast.PASSWORD}
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
        """What Twilio tells when an agent's browser connects; the `clientRequestId`."""
        request_id, sid = str(uuid.uuid4()), f"CA{uuid.uuid4().hex}"
        caller = {"CallSid": sid, "From": f"client:{self.identity(session)}"}
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

    def identity(self, session: requests.Session) -> str:
        """By which Twilio knows this agent's browser."""
        token = session.post(f"{self.url}/api/twilio/access-token", json={}, timeout=20).json()
        self.secrets.add(token["token"])
        return str(token["identity"])

    @property
    def tenant(self) -> str:
        """Acme's id."""
        return self._ask("SELECT id FROM tenants_tenant WHERE slug = 'acme'")

    def last_room(self) -> str:
        return self._ask("SELECT id FROM calls_conference ORDER BY created_at DESC LIMIT 1")

    def tasks_done(self) -> int:
        return sum("succeeded in" in line["message"] for line in self.log())

    def _ask(self, statement: str) -> str:
        with self.connect() as rows:
            return str(rows.execute(statement).fetchone()[0])

    @contextlib.contextmanager
    def hanging(self, name: str) -> Iterator[None]:
        """Inside, `database`, `redis` or `sandbox` takes connections and answers nothing."""
        process = self.redis.process if name == "redis" else self.processes.children[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

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
        """The JSON lines of all four processes, but those that two of them have written at once: a
        line longer than a pipe takes in one piece (4096 bytes, a long traceback) can be cut by
        another's.
        """
        lines = self.processes.log("honcho", 10**6).splitlines()
        whole = (line for line in lines if line.startswith("{") and line.count('{"time": ') == 1)
        return [json.loads(line) for line in whole if line.endswith("}")]


@contextlib.contextmanager
def running() -> Iterator[Production]:
    """Migrated, with the cast, and ready."""
    processes = harness.Processes()
    kinds = ("proxy", "web", "live", "sandbox", "database", "pooler")
    folder, ports = processes.folder, {kind: free_port() for kind in kinds}
    application = Env.db_url_config(os.environ["DATABASE_URL"])
    url = f"https://localhost:{ports['proxy']}"
    environment = {
        "DJANGO_SETTINGS_MODULE": "voip_crm.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PUBLIC_BASE_URL": url,
        "ALLOWED_HOSTS": "",
        "DATABASE_URL": (
            f"postgres://{application['USER']}:{application['PASSWORD']}"
            f"@127.0.0.1:{ports['pooler' if POOLED else 'database']}/prod_{secrets.token_hex(6)}"
        ),
        "PREPARED_STATEMENTS": "" if not POOLED else "false",
        "DATABASE_OWNER_URL": "",  # of the release only
        "RECORDINGS_DIR": str(folder / "recordings"),
        "RECORDINGS_SENT_BY": "x-accel-redirect",
        "STATIC_ROOT": str(folder / "static"),
        "STATIC_USE_FINDERS": "",
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
    administration = site.connect(ELSEWHERE)
    try:
        # The suite has migrated one, so that the release has nothing left to do there.
        migrated = os.environ.get("TEST_TEMPLATE", "template1")
        administration.execute(f'CREATE DATABASE "{site.name}" TEMPLATE "{migrated}"')
        _certificate(folder)
        config = json.dumps(sandbox_config(str(folder / "sandbox")) | {"ring_seconds": 0.3})
        (folder / "sandbox.json").write_text(config.replace(settings.PUBLIC_BASE_URL, url))
        options = ["--config", str(folder / "sandbox.json"), "--port", str(ports["sandbox"])]
        trust = {"SSL_CERT_FILE": str(folder / "cert.pem")}
        processes.start("sandbox", "-m", "sandbox", *options, **trust)
        processes.start("database", "-m", "voip_crm.tests.pipe", str(ports["database"]), *place())
        if POOLED:
            login = application | {"NAME": site.name}
            pooler.start(processes, ports["pooler"], server=ports["database"], login=login)
        where = [str(ports[name]) for name in ("proxy", "web", "live")]
        files = [str(folder / "cert.pem"), str(folder / "key.pem")]
        kept = environment["RECORDINGS_DIR"]
        processes.start("proxy", "-m", "voip_crm.tests.proxy", *where, *files, kept)
        for command in (["sh", "-c", PROCFILE["release"]], ["python", "-c", CAST]):
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


def place() -> list[str]:
    """Of the database's server: its socket, or its host and port."""
    given = Env.db_url_config(os.environ["DATABASE_URL"])
    host, port = given["HOST"] or "/var/run/postgresql", str(given["PORT"] or 5432)
    return [f"{host}/.s.PGSQL.{port}"] if host.startswith("/") else [host, port]


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
