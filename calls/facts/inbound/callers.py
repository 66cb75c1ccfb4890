"""Who calls, as far as the network says: a number, or why there is none. Pure.

A caller ID is what somebody else claims: it names a contact to show, and proves nothing.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 64  # characters that are kept
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# Since May 2023 Twilio says `anonymous` for all that is withheld. Before, it spelt the network's
# word on a keypad, and some carriers still do so, also behind the country code of the number that
# is called: no country has these numbers, but for the United States' own RESTRICTED, where we would
# rather not name a person than name a wrong one.
_WORDS = {
    "withheld": ("anonymous", "restricted", "blocked", "private", "withheld"),
    "unknown": ("unavailable", "unknown"),
}
_KEYS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_SPELT = {
    f"{country}{word.translate(_KEYS)}": kind
    for kind, words in _WORDS.items()
    for word in words[:3]
    for country in ("", "1")
} | {"7378742883": "withheld"}  # as Twilio itself once wrote RESTRICTED


class Kind(StrEnum):
    NUMBER = "number"  # E.164
    WITHHELD = "withheld"  # the caller does not want to be known
    UNKNOWN = "unknown"  # the network did not say
    SIP = "sip"  # an address instead of a number
    SHORT = "short"  # a short code, an extension: no number that could be called
    LONG = "long"
    ODD = "odd"  # anything else


@dataclass(frozen=True)
class CallerId:
    """`number` is E.164, or "" for all that is none; `text` is what is kept and shown as it came:
    the number, the address, the digits, or "" for one who is withheld or unknown.
    """

    kind: Kind
    text: str = ""

    @property
    def number(self) -> str:
        return self.text if self.kind == Kind.NUMBER else ""

    @property
    def may_be_matched(self) -> bool:
        """To contacts, and called back: what is no whole number could be anybody's."""
        return self.kind == Kind.NUMBER

    @property
    def shown(self) -> str:
        """What people read; a number is for `contacts.numbers.display` to write."""
        said = {Kind.WITHHELD: "Hidden number", Kind.UNKNOWN: "No caller ID"}
        return said.get(self.kind, self.text)


def kept(said: str) -> str:
    """What a row keeps of what was said, and what is read of it is the same."""
    text = "".join(c if c.isprintable() else " " for c in said).strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def read(said: str) -> CallerId:
    """What `From` of a call that comes in says; anything may stand there."""
    text = kept(said)
    if _E164.fullmatch(text) and text[1:] not in _SPELT:
        return CallerId(Kind.NUMBER, text)
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ("sip", "sips", "client"):
        return _address(rest)
    word = _plain(text)
    for kind, words in _WORDS.items():
        if word in words:
            return CallerId(Kind(kind))
    if not word:
        return CallerId(Kind.UNKNOWN)
    if word in _SPELT:
        return CallerId(Kind(_SPELT[word]))
    digits = word.removesuffix("…")
    if not (digits.isascii() and digits.isdigit()):
        return CallerId(Kind.ODD, text)
    if len(digits) > 15:
        return CallerId(Kind.LONG, text)
    # Without a plus nobody knows of which country it is.
    return CallerId(Kind.SHORT if len(digits) < 7 else Kind.ODD, text)


def _address(rest: str) -> CallerId:
    """Without its parameters. SIP's way of withholding is `anonymous@anonymous.invalid`."""
    address = re.split(r"[;?]", rest, maxsplit=1)[0]
    user, at, host = address.partition("@")
    if host.lower() == "anonymous.invalid" or (at and _plain(user) in _WORDS["withheld"]):
        return CallerId(Kind.WITHHELD)
    return CallerId(Kind.SIP, address) if address else CallerId(Kind.UNKNOWN)


def _plain(text: str) -> str:
    return re.sub(r"[\s+().-]", "", text).lower()
