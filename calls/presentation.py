"""Statuses, errors and times in the words that people read. Pure but for the number formats."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from calls import states

# Tone is a colour; the word beside it says the same without one.
STATUS: dict[str, tuple[str, str]] = {
    states.QUEUED: ("Connecting", "info"),
    states.INITIATED: ("Connecting", "info"),
    states.RINGING: ("Ringing", "warning"),
    states.IN_PROGRESS: ("In call", "success"),
    states.COMPLETED: ("Completed", "success"),
    states.BUSY: ("Busy", "warning"),
    states.NO_ANSWER: ("No answer", "warning"),
    states.CANCELED: ("Canceled", "secondary"),
    states.FAILED: ("Failed", "danger"),
    "declined": ("Declined", "warning"),
}

# How a call that is over reads on the panel of whoever was in it.
ENDED: dict[str, tuple[str, str, str]] = {
    states.COMPLETED: ("Call ended", "secondary", ""),
    states.CANCELED: ("Call ended", "secondary", "It was ended before anybody answered."),
    states.BUSY: ("Busy", "warning", "The line is busy. Try again in a few minutes."),
    states.NO_ANSWER: ("No answer", "warning", "Nobody picked up."),
    states.FAILED: ("Call failed", "danger", "The call could not be connected to this number."),
    "declined": ("Declined", "warning", "The call was rejected on the other side."),
}

# What the phone or Twilio reports, as a sentence with a next step.
_TRY_AGAIN = "Try again in a moment."
PHONE_ERRORS: dict[str, str] = {
    "31401": "The browser may not use the microphone. Allow it beside the address, then try again.",
    "31402": "No microphone was found, or another program holds it. Connect one and try again.",
    "31208": "The browser may not use the microphone. Allow it beside the address, then try again.",
    "network": f"The network is down, nothing was dialled. {_TRY_AGAIN}",
    "connect_timeout": f"The telephone service did not answer. Nothing was dialled. {_TRY_AGAIN}",
    "agent_leg_ended": f"The telephone service closed the line before dialling. {_TRY_AGAIN}",
    "phone_failed": f"The phone could not be started. Reload the page. {_TRY_AGAIN}",
    "agent_not_connected": f"Your phone could not be connected. Nothing was dialled. {_TRY_AGAIN}",
    "agent_busy": "You are in another call. End it first.",
    "busy": "You are in a call already. End it first.",
    "contact_not_found": "There is no such contact any more.",
    "no_caller_id": "This workspace has no number to call from. Ask an administrator.",
    "twilio_not_configured": "Telephony is not set up yet. Ask an administrator.",
    "no_tenant": "You are no longer a member of this workspace. Ask an administrator.",
    "not_authenticated": "You are signed out. Sign in again.",
    "rate_limited": f"Too many calls are being placed. {_TRY_AGAIN}",
    "throttled": f"Too many calls are being placed. {_TRY_AGAIN}",
    "31000": f"The connection to the telephone service was lost. {_TRY_AGAIN}",
    "31005": f"The connection to the telephone service was lost. {_TRY_AGAIN}",
    "31009": f"The telephone service cannot be reached. {_TRY_AGAIN}",
    "53000": f"The telephone service cannot be reached. {_TRY_AGAIN}",
    "53405": "The sound did not get through. Check the network or its firewall and try again.",
    "20101": "The phone was not let in. Reload the page; if it stays, ask an administrator.",
    "20104": "The phone's pass has expired. Reload the page and try again.",
    "31204": "The phone was not let in. Reload the page; if it stays, ask an administrator.",
    "31205": "The phone's pass has expired. Reload the page and try again.",
}
# REST errors of a refused call, by Twilio's code.
TWILIO_ERRORS: dict[int, str] = {
    10004: "The account's limit of simultaneous calls is reached. Try again when one has ended.",
    20003: "Twilio does not accept our credentials. Ask an administrator.",
    21210: "The caller ID does not belong to this account. Ask an administrator.",
    21211: "Twilio does not take this for a telephone number. Check the digits.",
    21212: "The caller ID is not a number Twilio knows. Ask an administrator.",
    21214: "This number cannot be reached.",
    21215: "Calls to this country are not allowed for this account. Ask an administrator.",
    21216: "Twilio does not allow calls to this number.",
    21217: "Twilio does not take this for a telephone number. Check the digits.",
    21219: "A trial account can only call verified numbers.",
    13227: "Calls to this country are not allowed for this account. Ask an administrator.",
}


def phone_error(code: str) -> str:
    """The sentence for an error code of the shim, of the Voice SDK or of our API."""
    return PHONE_ERRORS.get(code, f"The call could not be connected (code {code}). {_TRY_AGAIN}")


@dataclass(frozen=True)
class Ended:
    """How a call ended: the panel's status text, its tone, and a plain sentence or ""."""

    text: str
    tone: str
    message: str


def ended(outcome: str, error_code: int | None) -> Ended:
    text, tone, message = ENDED.get(outcome, ENDED[states.COMPLETED])
    return Ended(text, tone, TWILIO_ERRORS.get(error_code or 0, message))


def status_word(status: str, outcome: str) -> tuple[str, str]:
    """(word, tone) of a call in the history. A status of tomorrow is shown as it is spelt."""
    word = outcome or status
    return STATUS.get(word, (word.replace("-", " ").capitalize(), "secondary"))


def seconds(duration: int | None) -> str:
    """`0:42`, `12:05`, `1:02:03`; "" for None."""
    if duration is None:
        return ""
    minutes, rest = divmod(duration, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spoken(duration: int) -> str:
    """A length in words: `42 seconds`, `1 minute 5 seconds`, `2 hours 3 minutes`."""
    hours, rest = divmod(duration, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (left if not hours else 0, "second")]
    said = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count]
    return " ".join(said) or "0 seconds"


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A time as people in `zone` say it: `Today 14:05`, `Mon 14:05`, `3 Nov 14:05`."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (today - local.date()).days
    clock = f"{local:%H:%M}"
    if days == 0:
        return f"Today {clock}"
    if days == 1:
        return f"Yesterday {clock}"
    if 1 < days < 7:
        return f"{local:%a} {clock}"
    if local.year == today.year:
        return f"{local.day} {local:%b} {clock}"
    return f"{local.day} {local:%b %Y}"
