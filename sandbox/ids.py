"""Identifiers and times in Twilio's spelling."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.utils import format_datetime


def new_sid(prefix: str) -> str:
    """A fresh SID: two letters and 32 hex digits, e.g. ``CA…`` for a call."""
    return prefix + secrets.token_hex(16)


def now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


def rfc2822(moment: datetime | None) -> str | None:
    """``Thu, 01 Jun 2017 20:48:32 +0000`` as REST and callbacks write times; None stays None."""
    return None if moment is None else format_datetime(moment)
