"""The environment of the embedded mode (`./run`), made before Django reads its settings; the same
for commands that are given to it (`./run manage COMMAND`).

Order of precedence: the environment, `.env`, then what is generated here once and kept in
`var/local.env` (mode 0600). `VAR_DIR` moves the folder. Where a run is reached it leaves in
`var/last-run.env`, for commands. With TWILIO_ACCOUNT_SID or
TWILIO_SANDBOX_URL given, no sandbox account is made up and no sandbox is started.
"""

import argparse
import base64
import os
import secrets
import socket
import string
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import environ

from voip_crm.environment import LOOPBACK

BASE_DIR = Path(__file__).resolve().parent.parent
HOST, PORT, SANDBOX_PORT = "127.0.0.1", 8000, 8700
# Set while the sandbox of `./run` is ours to start.
SANDBOX_PORT_VARIABLE = "EMBEDDED_SANDBOX_PORT"
LAST_RUN = "last-run.env"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="port of the pages")
    parser.add_argument(
        "--sandbox-port", type=int, default=SANDBOX_PORT, help="port of the Twilio sandbox"
    )


def prepare(argv: list[str]) -> None:
    """Fill os.environ for `manage.py runlocal`; exit with one line when a port is taken."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options, rest = parser.parse_known_args(argv)
    var = _folder()
    asked_for_help = bool({"-h", "--help"} & set(rest))
    if not asked_for_help:
        _refuse_taken(options.host, options.port, "--port")
    sandbox = ""
    if not _has_twilio():
        if not asked_for_help:
            _refuse_taken(HOST, options.sandbox_port, "--sandbox-port")
        sandbox = f"http://{HOST}:{options.sandbox_port}"
        os.environ[SANDBOX_PORT_VARIABLE] = str(options.sandbox_port)
    _fill(var, f"http://localhost:{options.port}", sandbox)
    if not asked_for_help:
        lines = f"PUBLIC_BASE_URL={os.environ['PUBLIC_BASE_URL']}\nTWILIO_SANDBOX_URL={sandbox}\n"
        write_private(var / LAST_RUN, lines)


def prepare_command() -> None:
    """Fill os.environ for a command as the last `./run` in this folder had it, be it up or not."""
    var = _folder()
    last = _read(var / LAST_RUN)
    sandbox = last.get("TWILIO_SANDBOX_URL", f"http://{HOST}:{SANDBOX_PORT}")
    if not (sandbox or _has_twilio()):
        sys.exit(
            "The last ./run had its Twilio account from its environment. Give this command the "
            "same TWILIO_ variables, or put them into .env."
        )
    _fill(var, last.get("PUBLIC_BASE_URL", f"http://localhost:{PORT}"), sandbox)


def _folder() -> Path:
    environ.Env.read_env(BASE_DIR / ".env")
    var = Path(os.environ.setdefault("VAR_DIR", str(BASE_DIR / "var"))).resolve()
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    return var


def _has_twilio() -> bool:
    return bool(os.environ.get("TWILIO_ACCOUNT_SID") or os.environ.get("TWILIO_SANDBOX_URL"))


def _fill(var: Path, public_base_url: str, sandbox: str) -> None:
    """Everything that is not given; the account of `sandbox` only where no other one is."""
    generated = _generated(var / "local.env")
    for name in ("SECRET_KEY", "SECRETS_KEYS"):
        _default(name, generated.pop(name))
    if not _has_twilio():
        os.environ.update(generated, TWILIO_SANDBOX_URL=sandbox)
    _default("PUBLIC_BASE_URL", public_base_url)
    public_host = urlsplit(os.environ["PUBLIC_BASE_URL"]).hostname or "localhost"
    _default("ALLOWED_HOSTS", ",".join(dict.fromkeys([public_host, "localhost", "127.0.0.1"])))
    _default("DATABASE_URL", f"sqlite:///{var}/db.sqlite3")
    _default("RECORDINGS_DIR", str(var / "recordings"))
    os.environ["RECORDINGS_SENT_BY"] = "web"  # whatever .env says of a production's proxy
    if public_host in LOOPBACK:  # where the page that shows them can be seen (mailbox.py)
        _default("EMAIL_URL", f"filemail:///{quote(str(var / 'mails'))}")
    _default("STATIC_USE_FINDERS", "1")
    _default("STATIC_ROOT", str(var / "static"))
    _default("LOG_LEVEL", "WARNING")
    _default("LOG_FORMAT", "plain")
    _default("SSL_REDIRECT", "0")  # a tunnel's headers are not known


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def _default(name: str, value: str) -> None:
    if not os.environ.get(name):
        os.environ[name] = value


def _generated(path: Path) -> dict[str, str]:
    letters = string.ascii_letters + string.digits
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SECRETS_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_KEY_SID": f"SK{secrets.token_hex(16)}",
        "TWILIO_API_KEY_SECRET": "".join(secrets.choice(letters) for _ in range(32)),
        "TWILIO_TWIML_APP_SID": f"AP{secrets.token_hex(16)}",
    }
    kept = _read(path)
    if made.keys() - kept.keys():  # the file is new, or of a version that needed less
        head = "# Made by ./run for this machine only. The Twilio account exists in the sandbox.\n"
        kept = made | kept
        write_private(path, head + "".join(f"{key}={value}\n" for key, value in kept.items()))
    return kept


def _read(path: Path) -> dict[str, str]:
    """`NAME=value` lines that we have written; none where there is no file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def _refuse_taken(host: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"Cannot listen on {host} port {port} ({error.strerror}). "
                f"Is ./run already running? Otherwise choose another: ./run {option} {port + 1}"
            )
