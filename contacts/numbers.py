"""Telephone numbers: what a person typed, as E.164, or a plain reason why not. Pure.

Only E.164 (`+` and up to fifteen digits) is stored anywhere.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from contacts import readings

MOST_NUMBERS = 20  # of a contact
TOO_MANY_NUMBERS = f"A contact has at most {MOST_NUMBERS} numbers; it would have more."
LONGEST_EXTENSION = 12  # digits
LONGEST_CELL = 2000  # characters
LONGEST_TYPED = 250  # characters, that anybody looks at for a number
E164 = r"^\+[1-9][0-9]{6,14}$"  # what is stored
ROUNDED = (
    "A spreadsheet has shortened this number, its last digits are lost. "
    "Enter it again as text, or format the column as text before you save the file."
)


class Number(NamedTuple):
    """`number` is E.164; `extension` (digits, or "") is sent as tones once somebody answers. As
    text the two are one, in the form of RFC 3966: `+14155550100;ext=12`.
    """

    number: str
    extension: str = ""

    def __str__(self) -> str:
        return f"{self.number};ext={self.extension}" if self.extension else self.number

    @classmethod
    def of(cls, text: str) -> "Number":
        """What `str` made of one."""
        number, _, extension = text.partition(";ext=")
        return cls(number, extension)


class NumberError(ValueError):
    """The text names no number that can be called. `code` for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# Numbers that must never be dialled through us whatever the workspace's country is: an
# emergency service would not learn where the caller is.
_EMERGENCY_ANYWHERE = frozenset(
    "000 061 08 100 101 102 103 104 105 106 107 108 110 111 112 113 114 115 117 118 119 120 122 "
    "123 128 129 131 132 133 140 144 150 151 155 156 158 160 166 190 191 192 193 194 195 196 197 "
    "198 199 911 913 914 933 988 991 992 993 994 995 996 997 998 999".split()
)
# What a switchboard or a caller-ID service wants dialled first: “9-911”, “*67 911”, “141 999”.
_FIRST = re.compile(r"[*#]\d\d[*#]?|1470|141|9|0|8|1")
# Two numbers in one cell; “,,12” and “;ext=12” are extensions.
_BETWEEN = re.compile(r"\s*(?:[/|\n\r&]|:::|;(?!ext)|(?<!,),(?!,)|\b(?:or|and)\b)\s*")
_PREMIUM = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        # “Follow me” numbers and pagers: they look like a person's, and cost like a premium number.
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    }
)


def is_emergency(text: str, region: str) -> bool:
    """Whether `text`, which is no ordinary number, asks for help, in `region` (ISO) or anywhere.

    A valid number never does (a test holds it): whatever is dialled through us is E.164.
    """
    typed = readings.plain(text)
    keys = re.sub(r"[^\d*#]", "", typed)
    digits = re.sub(r"\D", "", typed)
    bare = digits.removeprefix("00").removeprefix("011")
    first = _FIRST.match(keys)
    asked = {digits, bare, keys[first.end() :] if first else ""}
    # “+1 911”, “+44 999”, “0044 112”: a country code changes nothing.
    asked |= {
        each[code:]
        for each in (digits, bare)
        for code in (1, 2, 3)
        if each[:code] and int(each[:code]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    }
    if asked & _EMERGENCY_ANYWHERE:
        return True
    # As some networks connect at once whatever comes after: “911 123”.
    return bool(shortnumberinfo.connects_to_emergency_number(typed, region))


def is_local_emergency(text: str, region: str) -> bool:
    """Whether `text` is an emergency number of `region` (ISO) itself."""
    return bool(shortnumberinfo.is_emergency_number(readings.plain(text), region))


def parse(text: str, region: str, *, by_hand: bool = False) -> Number:
    """The number that is written; numbers without a country are of `region` (ISO code). What was
    typed by hand has lost no plus on its way: there a digit too many must not be another country.

    Raises `NumberError`: `emergency_blocked`, `premium_blocked` or `invalid_number`.
    """
    typed = readings.plain(text[: LONGEST_TYPED + 1])
    if len(typed) > LONGEST_TYPED:
        raise NumberError("invalid_number", "That is too long for a phone number.")
    if not typed:
        raise NumberError("invalid_number", "Enter a number or choose a contact.")
    meant = list(readings.of(typed, region))
    valid = _valid(meant)
    if not valid:
        valid = _valid(readings.with_a_plus(typed, region))
        if valid and by_hand:
            shown = phonenumbers.format_number(valid[0][0], PhoneNumberFormat.INTERNATIONAL)
            raise NumberError(
                "invalid_number",
                f"That isn’t a number in your country. If you mean {shown}, put a + before it.",
            )
    if not valid:
        _refuse_emergency(typed, region)
        if readings.is_rounded(typed):
            raise NumberError("invalid_number", ROUNDED)
    if not meant:
        raise NumberError("invalid_number", _why_unreadable(typed, region))
    number, kind = valid[0] if valid else (meant[0], PhoneNumberType.UNKNOWN)
    extension = number.extension or ""
    if len(extension) > LONGEST_EXTENSION:
        raise NumberError("invalid_number", f"An extension has at most {LONGEST_EXTENSION} digits.")
    if _is_of_no_country(number) or kind in _PREMIUM:
        raise NumberError(
            "premium_blocked",
            "Premium-rate, shared-cost, personal and satellite numbers cannot be called from here.",
        )
    if not valid:
        raise NumberError("invalid_number", _why_invalid(typed, number))
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    # Some plans have longer and shorter ones, which nobody outside of them can dial.
    if not re.fullmatch(E164, e164):
        long = "That number is too long. Check for extra digits."
        short = "That number is too short. Check for missing digits."
        raise NumberError("invalid_number", long if len(e164) > 16 else short)
    return Number(e164, extension)


def _valid(
    numbers: Iterable[phonenumbers.PhoneNumber],
) -> list[tuple[phonenumbers.PhoneNumber, int]]:
    """Those that are valid, with their kind: it is known of no other (`is_valid_number` would look
    for it, and it would be looked for again).
    """
    kinds = ((number, phonenumbers.number_type(number)) for number in numbers)
    return [(number, kind) for number, kind in kinds if kind != PhoneNumberType.UNKNOWN]


def parse_own(text: str, region: str) -> str:
    """E.164 of a number that is to be called from; typed by hand. Raises `NumberError`."""
    found = parse(text, region, by_hand=True)
    if found.extension:
        raise NumberError("invalid_number", "A number to call from has no extension.")
    return found.number


def parse_several(text: str, region: str) -> list[tuple[str, str]]:
    """(a `Number` as text, the words beside it) of each in a cell, which may hold more than one.

    Raises `NumberError` when one of them cannot be read.
    """
    parts = [part for part in _BETWEEN.split(readings.plain(text[:LONGEST_CELL])) if part.strip()]
    if len(parts) > MOST_NUMBERS or len(text) > LONGEST_CELL:
        raise NumberError("invalid_number", f"It holds more than {MOST_NUMBERS} numbers.")
    # “030/1234567” is one number; of “030 1234567 / 68” nobody knows what the second is.
    if len(parts) < 2 or len(re.sub(r"\D", "", parts[0])) < 6:
        parts = [text]
    return [(str(parse(part, region)), _words_beside(part)) for part in parts]


def _words_beside(text: str) -> str:
    """None of a number that is itself spelt with letters."""
    rest, words = readings.without_words(readings.plain(text))
    return words if len(re.sub(r"\D", "", rest)) >= 7 else ""


def _refuse_emergency(typed: str, region: str) -> None:
    if is_emergency(typed, region):
        raise NumberError(
            "emergency_blocked",
            "Emergency numbers can’t be called from here: responders wouldn’t see where you are. "
            "Use another phone.",
        )


def _is_of_no_country(number: phonenumbers.PhoneNumber) -> bool:
    """Satellites and networks above the countries: costly, and a classic of fraud."""
    return phonenumbers.region_code_for_country_code(number.country_code or 0) == "001"


def country_of(e164: str, home: str = "") -> str:
    """ISO code of a number's country, "" when none is known. A number that is valid in `home` is of
    `home`: a toll-free number belongs to every country that shares the code.
    """
    number = phonenumbers.parse(e164, None)
    if home and phonenumbers.is_valid_number_for_region(number, home):
        return home
    return phonenumbers.region_code_for_number(number) or ""


def _why_unreadable(typed: str, region: str) -> str:
    try:
        phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            return "That country code does not exist. Check the digits after the +."
    if any(character.isalpha() for character in typed):
        return "That is neither a contact nor a phone number."
    return "That is too short or too long for a phone number."


def _why_invalid(typed: str, number: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return "That number is too short. Check for missing digits."
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return "That number is too long. Check for extra digits."
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return f"No phone number in {region} looks like {typed}. Check the digits."


@lru_cache(10_000)
def display(e164: str, region: str = "") -> str:
    """A number (also a `Number` as text) as people write it: national form at home, international
    form elsewhere.

    What is no E.164 number (`anonymous`, a client name) is returned as it is.
    """
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    at_home = region and phonenumbers.region_code_for_number(number) == region
    form = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    # Shorter than the words that phonenumbers has for it, and understood as well.
    extension, number.extension = number.extension, None
    shown = phonenumbers.format_number(number, form)
    return f"{shown} x{extension}" if extension else shown
