"""Twilio's ids: two letters and 32 hexadecimal digits."""

import re
from typing import TypeGuard

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


def is_sid(text: str | None) -> TypeGuard[str]:
    return _SID.fullmatch(text or "") is not None
