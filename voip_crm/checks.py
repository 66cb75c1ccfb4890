"""System checks that say at start what is wrong with the environment.

E001 Twilio credentials are missing · E002 PUBLIC_BASE_URL is malformed · E003 the sandbox on a
public site · E004 a Twilio SID has the wrong form · E005 several processes without Redis ·
E006 SECRETS_KEYS cannot encrypt · E007 a rotated token without an end · E008 the database's role
or a table is not held by row-level security · E009 a server has the owner's password · E010 what is
for this machine alone (DEBUG, plain http, SQLite) on a public site · E011 the database may lose
what it has committed · E012 a pooler drops the limits of our connections.
W001 (said, and the server starts) web itself sends recordings.
"""

import logging
import re
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.utils import timezone

from calls.facts.rotation import LONGEST_SHARED, believed_until
from tenants.bricks.secrets import SecretsError, keys
from voip_crm.environment import LOOPBACK

logger = logging.getLogger(__name__)

TAG = "voip_crm"
DATABASE_TAG = "voip_crm_database"
CREDENTIALS = (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY_SID",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_TWIML_APP_SID",
)
SID_PREFIXES = {
    "TWILIO_ACCOUNT_SID": "AC",
    "TWILIO_API_KEY_SID": "SK",  # pragma: allowlist secret
    "TWILIO_TWIML_APP_SID": "AP",
}


@register(TAG)
def check_twilio(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    missing = [name for name in CREDENTIALS if not getattr(settings, name)]
    if missing:
        found.append(
            Error(
                f"Twilio credentials are missing: {', '.join(missing)}.",
                hint="Set them in the environment or in .env; ./run needs none of them, "
                "it starts a sandbox.",
                id="voip_crm.E001",
            )
        )
    if settings.TWILIO_SANDBOX_URL and _public_url().scheme == "https" and _is_public():
        found.append(
            Error(
                "TWILIO_SANDBOX_URL is set on a public https site.",
                hint="Remove it and give real Twilio credentials: sandbox calls reach nobody.",
                id="voip_crm.E003",
            )
        )
    for name, prefix in SID_PREFIXES.items():
        value = getattr(settings, name)
        if value and not re.fullmatch(rf"{prefix}[0-9a-f]{{32}}", value):
            found.append(
                Error(
                    f"{name} is not a Twilio SID.",
                    hint=f"It starts with {prefix}, followed by 32 hexadecimal digits.",
                    id="voip_crm.E004",
                )
            )
    return found


@register(TAG)
def check_public_base_url(**_: Any) -> list[CheckMessage]:
    url = _public_url()
    well_formed = (
        url.scheme in ("http", "https")
        and url.hostname
        and not (url.path or url.query or url.fragment or url.username)
    )
    if well_formed:
        return []
    return [
        Error(
            "PUBLIC_BASE_URL is not the address of a site.",
            hint="Give scheme and host only, e.g. https://crm.example.com: Twilio signs the "
            "exact address that it calls.",
            id="voip_crm.E002",
        )
    ]


@register(TAG)
def check_secrets(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    try:
        keys()
    except SecretsError as error:
        hint = "Use the previous keys; docs/settings.md says how to make a first one."
        found.append(Error(str(error), hint=hint, id="voip_crm.E006"))
    until = believed_until(settings.TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL)
    if settings.TWILIO_AUTH_TOKEN_PREVIOUS and (
        until is None or until > timezone.now() + LONGEST_SHARED
    ):
        found.append(
            Error(
                "TWILIO_AUTH_TOKEN_PREVIOUS has no end, or one too far away.",
                hint="Set TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL to a time with its zone, like "
                "2026-12-01T12:00Z, at most seven days from now; or remove both.",
                id="voip_crm.E007",
            )
        )
    return found


@register(TAG)
def check_debug(**_: Any) -> list[CheckMessage]:
    return [_only_here("DEBUG is true")] if settings.DEBUG and _is_public() else []


@register(TAG, deploy=True)
def check_public_site(**_: Any) -> list[CheckMessage]:
    """Only for production: ./run may be shown to others by http, and keeps its SQLite."""
    if not _is_public():
        return []
    faults = {
        "PUBLIC_BASE_URL is plain http": _public_url().scheme == "http",
        "DATABASE_URL is SQLite": "sqlite" in settings.DATABASE_APPLICATION["ENGINE"],
    }
    return [_only_here(fault) for fault, is_so in faults.items() if is_so]


@register(TAG, deploy=True)
def check_redis(**_: Any) -> list[CheckMessage]:
    """Only for production: ./run is one process, and needs none."""
    if settings.REDIS_URL or settings.DEBUG:
        return []
    return [
        Error(
            "REDIS_URL is not set: web, live channel, worker and beat would not hear each other.",
            hint="Give redis://host:6379/0, or use ./run, which is one process.",
            id="voip_crm.E005",
        )
    ]


@register(TAG, deploy=True)
def check_recordings(**_: Any) -> list[CheckMessage]:
    """Only for production: whoever listens slowly to ./run keeps nobody else waiting."""
    if settings.RECORDINGS_SENT_BY != "web" or settings.RECORDINGS_STORE or settings.DEBUG:
        return []
    return [
        Warning(
            "RECORDINGS_SENT_BY is not set: each person who listens holds a thread of web.",
            hint="Give the header that the proxy understands, x-accel-redirect (nginx, Caddy) or "
            "x-sendfile; docs/operating.md, “Recordings”, says how.",
            id="voip_crm.W001",
        )
    ]


@register(DATABASE_TAG, deploy=True)
def check_row_level_security(**_: Any) -> list[CheckMessage]:
    """Of production; one that cannot be reached is looked at when it can."""
    # They need Django set up, which the live channel never is.
    from tenants.bricks.first_connection import look_now_or_on_connect
    from tenants.fence import roles

    if settings.DEBUG:
        return []
    return [
        Error(
            fault,
            hint="Two roles are needed; docs/operating.md, “The database's two roles”, says how.",
            id="voip_crm.E008",
        )
        for fault in look_now_or_on_connect(roles.faults)
    ]


@register(DATABASE_TAG, deploy=True)
def check_limits(**_: Any) -> list[CheckMessage]:
    """Without them a webhook may wait for longer than Twilio does."""
    from tenants.bricks.first_connection import look_now_or_on_connect
    from tenants.fence import roles

    hint = "docs/operating.md, “Prepared statements, and poolers”, says more."
    return [
        Error(fault, hint=hint, id="voip_crm.E012")
        for fault in look_now_or_on_connect(roles.dropped)
    ]


@register(DATABASE_TAG, deploy=True)
def check_durability(**_: Any) -> list[CheckMessage]:
    """Of a public site: Twilio reaches no other, so none else can lose what it said is stored."""
    from tenants.bricks.first_connection import look_now_or_on_connect
    from voip_crm.durability import losses

    if not _is_public():
        return []
    return [
        Error(
            loss,
            hint="docs/operating.md, “What PostgreSQL must keep”, says more.",
            id="voip_crm.E011",
        )
        for loss in look_now_or_on_connect(losses)
    ]


@register(TAG, deploy=True)
def check_owner(**_: Any) -> list[CheckMessage]:
    if settings.DEBUG or not settings.DATABASE_OWNER:
        return []
    return [
        Error(
            "DATABASE_OWNER_URL is set for a server: an intruder could read every workspace.",
            hint="Give it to the release step alone, in a file of its own; docs/operating.md, "
            "“Install”, says how.",
            id="voip_crm.E009",
        )
    ]


def refuse_to_start_on_errors(
    *, several_processes: bool = False, uses_database: bool = True
) -> None:
    """Exit with the errors above, a line each: servers run no system checks, so they call it.
    What is not as serious is logged.
    """
    tags = [TAG, DATABASE_TAG] if uses_database else [TAG]
    found = run_checks(tags=tags, include_deployment_checks=several_processes)
    errors = [f"{e.id}: {e.msg} {e.hint}" for e in found if e.is_serious()]
    if errors:
        sys.exit("\n".join(errors))
    for warning in found:
        logger.warning("%s: %s %s", warning.id, warning.msg, warning.hint)


def _only_here(fault: str) -> Error:
    return Error(
        f"{fault} on a public site.",
        hint="That is for this machine alone, with PUBLIC_BASE_URL=http://localhost:8000; others "
        "need DEBUG=false, https and PostgreSQL.",
        id="voip_crm.E010",
    )


def _is_public() -> bool:
    """Whether others than this machine come in; what is malformed has its own error."""
    return _public_url().hostname not in (*LOOPBACK, None)


def _public_url() -> Any:
    url = urlsplit(settings.PUBLIC_BASE_URL)
    try:
        url.port  # noqa: B018  (raises on a malformed port)
    except ValueError:
        return urlsplit("")
    return url
