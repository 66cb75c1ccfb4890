"""Twilio's ids: two letters that tell the kind, and 32 hexadecimal digits."""

import re
from typing import TypeGuard

ACCOUNT, CALL, CONFERENCE, RECORDING = "AC", "CA", "CF", "RE"
_DIGITS = re.compile(r"[0-9a-f]{32}")


def is_sid(text: str | None, kind: str) -> TypeGuard[str]:
    """Whether it names a thing of this kind: in a path, one of another kind would do harm."""
    return bool(text and text.startswith(kind) and _DIGITS.fullmatch(text, len(kind)))
