"""Numbers that can be bought: invented ones of ranges that are kept for fiction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.config import Account
from sandbox.telephony.places import AREAS, CANADIAN

TOLL_FREE_AREAS = ("800", "888", "877", "866", "855", "844", "833")
T9 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")


class BadPattern(ValueError):
    """``Contains`` is none of Twilio's patterns."""


@dataclass(frozen=True)
class Kind:
    """A kind of number in a country. ``address``: none, any or local; ``bundle``: of documents,
    which must have been approved. ``digits``: how many follow the prefix.
    """

    country: str
    type: str  # Local, TollFree, Mobile
    prefixes: tuple[str, ...]
    digits: int
    sms: bool = False
    mms: bool = False
    address: str = "none"
    bundle: bool = False
    locality: str = ""

    def has(self, number: str) -> bool:
        """Whether it is one of this kind."""
        return any(
            number.startswith(prefix) and len(number) == len(prefix) + self.digits
            for prefix in self.prefixes
        )


def _american(country: str, type_: str, areas: Iterator[str] | tuple[str, ...]) -> Kind:
    prefixes = tuple(f"+1{area}55501" for area in areas)
    return Kind(country, type_, prefixes, 2, sms=True, mms=type_ == "Local")


KINDS = (
    _american("US", "Local", (a for a in AREAS if a not in CANADIAN)),
    _american("US", "TollFree", TOLL_FREE_AREAS),
    _american("CA", "Local", (a for a in AREAS if a in CANADIAN)),
    _american("CA", "TollFree", TOLL_FREE_AREAS),
    Kind("GB", "Local", ("+442079460",), 3, address="any", locality="London"),
    Kind("GB", "Mobile", ("+447700900",), 3, sms=True, bundle=True),
    Kind("GB", "TollFree", ("+448081570",), 3),
    Kind("DE", "Local", ("+493023125",), 3, address="local", bundle=True, locality="Berlin"),
    Kind("DE", "Mobile", ("+49171392",), 4, sms=True, address="local", bundle=True),
    Kind("FR", "Local", ("+3319900",), 4, address="local", bundle=True, locality="Paris"),
    Kind("AU", "Local", ("+6125550",), 4, address="any", locality="Sydney"),
    Kind("AU", "Mobile", ("+61491570",), 3, sms=True, address="local"),
)
NAMES = {
    "US": "United States",
    "CA": "Canada",
    "GB": "United Kingdom",
    "DE": "Germany",
    "FR": "France",
    "AU": "Australia",
}


def kind_of(number: str) -> Kind | None:
    """The first kind that it is one of; American area codes that are not listed have some, too."""
    for kind in KINDS:
        if kind.has(number):
            return kind
    if not re.fullmatch(r"\+1[2-9]\d\d55501\d\d", number):
        return None
    country = "CA" if number[2:5] in CANADIAN else "US"
    return next(k for k in KINDS if (k.country, k.type) == (country, "Local"))


def pattern(contains: str) -> re.Pattern[str]:
    """What ``Contains`` asks for: digits and letters of the keypad, ``*`` one character and ``%``
    several at the ends, ``+`` the beginning, ``$`` the end. Raises BadPattern.
    """
    core = contains.removeprefix("+").removesuffix("$")
    inner = core.strip("*%")
    if not 2 <= len(contains) <= 16 or not re.fullmatch(r"[0-9A-Za-z]+", inner):
        raise BadPattern(contains)
    if core != inner and len(inner) < 2:
        raise BadPattern(contains)
    if re.search(r"[*%+$]{2}", contains):
        raise BadPattern(contains)
    digits = core.upper().translate(T9)
    written = "".join({"*": r"\d", "%": r"\d+"}.get(key, key) for key in digits)
    begin = r"^\+" if contains.startswith("+") else ""
    return re.compile(begin + written + ("$" if contains.endswith("$") else ""))


class Stock:
    """What nobody owns. A number that was given back is kept for its former account."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self._accounts = accounts
        self._returned: dict[str, str] = {}  # number to the account's SID

    def _owned(self) -> set[str]:
        return {n.phone_number for a in self._accounts.values() for n in a.numbers.values()}

    def offers(self, kind: Kind, area_code: str = "") -> Iterator[str]:
        """Numbers of a kind in order; of an American area code, which may be any that exists."""
        owned, prefixes = self._owned(), kind.prefixes
        if area_code:
            toll_free, canadian = area_code in TOLL_FREE_AREAS, area_code in CANADIAN
            fits = toll_free == (kind.type == "TollFree")
            fits = fits and (toll_free or canadian == (kind.country == "CA"))
            prefixes = (f"+1{area_code}55501",) if fits else ()
        for prefix in prefixes:
            for n in range(10**kind.digits):
                number = f"{prefix}{n:0{kind.digits}}"
                if number not in owned and number not in self._returned:
                    yield number

    def sells(self, number: str, account: Account) -> Kind | None:
        """Its kind if this account may have it now."""
        if number in self._owned():
            return None
        return kind_of(number) if self._returned.get(number, account.sid) == account.sid else None

    def take(self, number: str) -> None:
        """It was bought."""
        self._returned.pop(number, None)

    def give_back(self, number: str, account: Account) -> None:
        """It was released."""
        self._returned[number] = account.sid
