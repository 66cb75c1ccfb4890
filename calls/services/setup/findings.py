"""What the doctor says of one thing that it looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from calls.gateway import TwilioError, TwilioRefused


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """`check` names what was looked at; `says` what was found, `why` it matters, what to `do`.

    `repair` does it and returns what it did; None when only a person can.
    """

    check: str
    verdict: Verdict
    says: str
    why: str = ""
    do: str = ""
    repair: Callable[[], str] | None = field(default=None, compare=False)


def unasked(check: str, error: TwilioError) -> Finding:
    """Twilio could not be asked, which is neither right nor wrong."""
    if isinstance(error, TwilioRefused):
        says = f"Twilio refused to tell ({error.status}, code {error.code}: {error.message})."
    else:
        says = f"Twilio gave no answer ({type(error).__name__})."
    return Finding(check, Verdict.UNKNOWN, says, do="Run this again later.")
