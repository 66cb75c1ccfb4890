"""Search that stays fast by design: prefixes in a token table, by index range, never LIKE.

A contact's tokens are every word of its name, company and e-mail, as it is written and in Latin
letters, and every ending of its telephone numbers, so that any part of a number is the beginning of
a token. A range on a stored, C-collated column uses the index on SQLite and on PostgreSQL, under
row-level security too.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from anyascii import anyascii

SHORTEST_DIGITS = 3
LONGEST_TOKEN = 40
LONGEST_QUERY = 100  # characters; each word is a condition of its own for the database


_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ´`′", "'"))
_INSIDE = re.compile(r"(?<=\w)['‐-](?=\w)")  # of a word; the last two are hyphens
_ASKED = re.compile(r"\w+(?:'\w+)*")


def normalise(text: str) -> str:
    """Case, accents and width folded away, and what else makes two Latin letters differ: “Zoë ＣＯ”
    and “zoe co” are one, “Łukasz” and “lukasz” are. Other scripts stay.
    """
    if text.isascii():  # as most are, and an import asks for some hundred thousand
        return text.replace("`", "'").lower()
    folded = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    return "".join(_plain(one) for one in folded if not unicodedata.combining(one))


@lru_cache(2**10)
def _plain(letter: str) -> str:
    if letter.isascii() or not unicodedata.name(letter, "").startswith("LATIN"):
        return letter
    return anyascii(letter).lower()


def words(text: str) -> list[str]:
    """Those of a normalised text."""
    return [word[:LONGEST_TOKEN] for word in re.findall(r"\w+", text)]


def _spellings(text: str) -> set[str]:
    """Under which the words of a text are found: O'Neill is “oneill”, “o” and “neill”, Андрей also
    “andrei” and “andrey”, as it is read letter by letter with its marks and without them.
    """
    plain = normalise(text)
    found = {*words(plain), *words(plain.replace("'", "")), *words(_INSIDE.sub("", plain))}
    if not plain.isascii():
        for written in (plain, unicodedata.normalize("NFKC", text)):
            found |= {*words(normalise(anyascii(written)))}
    return found


def tokens(texts: Iterable[str], numbers: Iterable[str]) -> set[str]:
    """The tokens under which a contact is found, of its words and its E.164 numbers."""
    found = {word for text in texts for word in _spellings(text)}
    for number in numbers:
        digits = number.removeprefix("+")
        found |= {digits[start:] for start in range(len(digits) - SHORTEST_DIGITS + 1)}
    return found


def queries(text: str) -> list[list[list[str]]]:
    """For each word that a person typed the ways in which it may be meant, likeliest first: lists
    of prefixes that must all be found. “O'Neill” is “oneill”, or “o” and “neill”.

    A typed number, however it is grouped, is one prefix: `(415) 555-01` is `41555501`. A leading
    national zero or international `00` is dropped, since stored numbers have neither. What follows
    the first `LONGEST_QUERY` characters is left out.
    """
    text = text[:LONGEST_QUERY]
    digits = re.sub(r"[\s()+./-]", "", unicodedata.normalize("NFKC", text))
    if digits.isdigit() and len(digits) >= SHORTEST_DIGITS:
        international = re.sub(r"^(00|0)", "", digits)
        return [[[international if len(international) >= SHORTEST_DIGITS else digits]]]
    asked = []
    for word in _ASKED.findall(normalise(text)):
        together, parts = words(word.replace("'", "")), words(word)
        asked.append([together] if together == parts else [together, parts])
    return asked


def query_prefixes(text: str) -> list[str]:
    """What a person typed, in its likeliest meaning, as prefixes that must all be found."""
    return [prefix for ways in queries(text) for prefix in ways[0]]


def after(prefix: str) -> str:
    """The end of the range of tokens that begin with `prefix` (exclusive)."""
    return prefix + "\U0010ffff"
