"""Numbers that are bought and held at Twilio: which kinds there are, how they are searched, where
their callers are led, and what Twilio's refusals mean. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qs, urldefrag, urlsplit

# What people choose, by how the page and the commands name it: (Twilio's path, as its prices are
# listed, what people read).
KINDS = {
    "local": ("Local", "local", "Local"),
    "mobile": ("Mobile", "mobile", "Mobile"),
    "toll-free": ("TollFree", "toll free", "Toll-free"),
}
AREA_CODES = ("US", "CA")  # where Twilio searches by area code
MOST_SHOWN = 20
# A workspace's admins buy no more on the account that is shared, which is paid by whoever runs the
# installation; by command there is no such limit.
MOST_SHARED = 20
# Twilio's greeting, which numbers have that were bought in its console.
_WELCOME = re.compile(r"https?://demo\.twilio\.com/")


@dataclass(frozen=True)
class Price:
    """Of a month; `unit` is an ISO 4217 code."""

    amount: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:.2f} {self.unit}"


def search_problem(contains: str) -> str:
    """Why Twilio would not search for what a number shall contain; "" when it would."""
    if not re.fullmatch(r"[0-9A-Za-z*]+", contains):
        return "Use digits and letters only, and * for any one digit."
    if not 2 <= len(contains) <= 14:
        return "Enter 2 to 14 digits or letters."
    inner = contains.strip("*")
    if len(inner) < 2:
        return "Enter at least two digits or letters beside the *."
    if "*" in inner:
        return "Put * at the beginning or the end."
    if "**" in contains:
        return "Put one * at the beginning or the end, not several."
    return ""


class Leads(StrEnum):
    """Whom the callers of a number reach."""

    HERE = "here"
    PARTLY = "partly"  # the workspace, but not with all of our addresses
    NOWHERE = "nowhere"
    ANOTHER = "another"  # workspace of this installation
    ELSEWHERE = "elsewhere"


def leads(have: Mapping[str, str], want: Mapping[str, str]) -> Leads:
    """`have`: how a number is set at Twilio; `want`: as it must be to lead to a workspace. Both by
    the names of the REST API. A SIP trunk or an application has its way whatever the URLs are.
    """
    if have.get("trunk_sid") or have.get("voice_application_sid"):
        return Leads.ELSEWHERE
    if all(have.get(name) == value for name, value in want.items()):
        return Leads.HERE
    url, ours = have.get("voice_url", ""), want["voice_url"]
    if not url or _WELCOME.match(url):
        return Leads.NOWHERE
    if _site(url) != _site(ours):
        return Leads.ELSEWHERE
    named = _tenant(url)
    return Leads.PARTLY if named in ("", _tenant(ours)) else Leads.ANOTHER


def _site(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _tenant(url: str) -> str:
    return "".join(parse_qs(urlsplit(urldefrag(url).url).query).get("tenant", []))


# --- refusals --------------------------------------------------------------------------------

_DOCUMENTS = "Twilio’s console has it under Phone Numbers → Regulatory Compliance."
_ANOTHER = "Search again and choose another one."
_ACCOUNT = "See Twilio’s console, or ask the person who manages the account."

REFUSALS = {
    20003: "Twilio doesn’t accept this workspace’s credentials. Check the telephone account.",
    20404: "Twilio doesn’t find this in the account. Check the telephone account.",
    21402: "Twilio doesn’t accept this site’s address. Your system administrator can run "
    "twilio_doctor.",
    21404: "A trial account can have one number only. Upgrade the account at Twilio, or release "
    "the number it has.",
    21421: "Twilio doesn’t know this as a phone number. Check the digits.",
    21422: f"This number is no longer available. {_ANOTHER}",
    21451: "This area code doesn’t exist. Enter three digits, such as 415.",
    21452: "No numbers are left in this area code. Try a neighboring one.",
    21457: "Only numbers in the US and Canada can be searched by area code. Leave it empty.",
    21472: f"The Twilio account is not active. {_ACCOUNT}",
    21502: "Twilio doesn’t accept this site’s address. Your system administrator can run "
    "twilio_doctor.",
    21613: "This number needs a certification that Twilio arranges by hand. Contact Twilio’s "
    "support, or choose another number.",
    21615: "This number needs a local address: one in its own country, for some numbers in its "
    "own area. Add it in Twilio’s console under Phone Numbers → Regulatory Compliance → Addresses, "
    "then enter its SID (AD…).",
    21628: "Twilio couldn’t confirm the address. Correct it in Twilio’s console.",
    21629: "Twilio couldn’t confirm the address, but suggests a similar one. See Twilio’s console.",
    21631: "The country’s rules ask for an address. Add one in Twilio’s console under Phone "
    "Numbers → Regulatory Compliance → Addresses, then enter its SID (AD…).",
    21649: "The country’s rules ask who uses this number: an approved regulatory bundle. Create "
    f"one and wait until Twilio has approved it, then enter its SID (BU…). {_DOCUMENTS}",
    21650: "The country’s rules ask for a verified identity document. Add it to a regulatory "
    f"bundle, wait until Twilio has approved it, then enter its SID (BU…). {_DOCUMENTS}",
    21651: "This bundle or address doesn’t fit this kind of number. Choose one of the same country "
    f"and kind. {_DOCUMENTS}",
    22300: "Twilio has stopped this account from buying numbers. Write to Twilio’s support to lift "
    "that.",
    22350: "This number is being moved to another provider, so Twilio can’t release it.",
}
# What must be known about whoever uses the number; with these, a form asks for it.
NEEDS_DOCUMENTS = frozenset({21615, 21628, 21629, 21631, 21649, 21650, 21651})


def refusal(code: int, message: str = "") -> str:
    """Twilio's refusal as a sentence with the next step, also of a code that is new to us."""
    if code in REFUSALS:
        return REFUSALS[code]
    said = f": {message.rstrip('.')}" if message else ""
    return f"Twilio refused (code {code or 'unknown'}){said}. {_ACCOUNT}"
