"""What people write for a telephone number, and how it may be meant: likeliest first. Pure.

phonenumbers reads what is complete. Here is what it does not know: words beside the number, what
spreadsheets do to one, a way out of a country that is another country's, and forms that a numbering
plan has given up.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

_EXTENSION = re.compile(
    r"[\s,;/-]*\b(?:extension|extn?|local|poste|durchwahl|dw|ramal|anexo|interno|int|toestel|wewn)"
    r"\b[.:]?\s*(\d{1,7})\W*$",
    re.IGNORECASE,
)
# What phonenumbers itself takes for an extension.
_SHORT_EXTENSION = re.compile(r"(?:;?ext(?:ension|n)?|x|доб)[.:=]?\s*\d{1,9}\W*$", re.IGNORECASE)
_WAY_OUT = re.compile(r"^(?:011|00)[\s.-]*(?=[1-9])")  # of the Americas and of most others
_AROUND = " :.,;/()[]<>-–—"
# A spreadsheet's: 4155550100.0, and 4.15556E+09.
_REAL, _ROUNDED = (
    re.compile(r"^(\+?\d{6,15})\.0+$"),
    re.compile(r"^\d(?:[.,]\d+)?E\+?\d{1,2}$", re.I),
)
_NOT_OF_HOME = {ValidationResult.TOO_LONG, ValidationResult.INVALID_LENGTH}
# Country code → (what a national number was, what it is now).
_CHANGED = {
    # Mexico, 2019: one way to dial all.
    52: [(r"(?:1|01|044|045)(\d{10})", r"\1")],
    # Brazil, 2012 to 2016: a nine before every mobile number.
    55: [(r"(\d\d)([6-9]\d{7})", r"\g<1>9\2")],
    # Colombia, 2021: 60 and the area before every fixed one.
    57: [(r"([1-8]\d{7})", r"60\1")],
    # Vietnam, 2018: mobile numbers of eleven digits.
    84: [
        (f"{old}(\\d{{7}})", f"{new}\\1")
        for old, new in {
            "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
            "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
            "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37",
            "168": "38", "169": "39", "186": "56", "188": "58", "199": "59",
        }.items()
    ],
    # Ivory Coast, 2021: two digits of the operator before every mobile one.
    225: [
        (r"([04-9][0-3]\d{6})", r"01\1"),
        (r"([04-9][4-6]\d{6})", r"05\1"),
        (r"([04-9][7-9]\d{6})", r"07\1"),
    ],
    # Benin, 2024.
    229: [(r"(\d{8})", r"01\1")],
}  # fmt: skip


def plain(text: str) -> str:
    """Digits of any script, full-width letters, odd dashes and spaces as their plain forms."""
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFKC", text).strip()
    return "".join(str(unicodedata.decimal(one, one)) for one in text)


def is_rounded(text: str) -> bool:
    """Whether a spreadsheet has taken it for a quantity, and its last digits are lost."""
    return bool(_ROUNDED.match(text))


def without_words(text: str) -> tuple[str, str]:
    """(the number, the words that stood before or behind it) of a plain text."""
    places = [place for place, one in enumerate(text) if one.isdigit() or one in "+#"]
    if not places:
        return text, ""
    begin, end = places[0], places[-1] + 1
    before, behind = text[:begin], text[end:]
    words = [part.strip(_AROUND) for part in (before, behind) if _has_letters(part)]
    if not _has_letters(before):
        begin = 0
    if not _has_letters(behind):
        end = len(text)
    return text[begin:end], " ".join(words)


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def of(text: str, region: str) -> Iterator[PhoneNumber]:
    """Each number that a plain text of `region` (ISO) can be taken for; many are not valid."""
    for written in _forms(text):
        yield from _parsed(written, region)
        if _WAY_OUT.match(written):
            yield from _parsed(_WAY_OUT.sub("+", written), region)


def with_a_plus(text: str, region: str) -> Iterator[PhoneNumber]:
    """What it can be taken for if a spreadsheet has eaten its plus."""
    for written in _forms(text):
        if _has_lost_its_plus(written, region):
            yield from _parsed(f"+{written}", region)


def _forms(text: str) -> Iterable[str]:
    text = _REAL.sub(r"\1", _EXTENSION.sub(r" x\1", text))
    return dict.fromkeys((without_words(text)[0], text))


def _parsed(text: str, region: str) -> Iterator[PhoneNumber]:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return
    if _has_letters(_SHORT_EXTENSION.sub("", text)) and not _may_be_spelt(number):
        return
    yield number
    national = phonenumbers.national_significant_number(number)
    for old, new in _CHANGED.get(number.country_code or 0, []):
        if re.fullmatch(old, national):
            now = f"+{number.country_code}{re.sub(old, new, national)}"
            yield phonenumbers.parse(now + (f"x{number.extension}" if number.extension else ""))


def _may_be_spelt(number: PhoneNumber) -> bool:
    """Of 1-800-FLOWERS the letters are digits; elsewhere a word would make a stranger's number, as
    many plans have numbers of any length.
    """
    kind = phonenumbers.number_type(number)
    return number.country_code == 1 or kind == phonenumbers.PhoneNumberType.TOLL_FREE


def _has_lost_its_plus(text: str, region: str) -> bool:
    """Not whenever it is no number of the region: a wrong digit would be another country."""
    if not re.fullmatch(r"[1-9]\d{9,14}", text):  # a spreadsheet leaves nothing but digits
        return False
    if len(text) > 10:
        return True
    try:
        at_home = phonenumbers.parse(text, region)
    except NumberParseException:
        return True
    return phonenumbers.is_possible_number_with_reason(at_home) in _NOT_OF_HOME
