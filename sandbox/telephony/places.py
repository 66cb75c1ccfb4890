"""Where a number is, as far as Twilio knows it and says so with a call."""

from __future__ import annotations

import re

from sandbox.wire.webhooks import Params

# The countries that there are here, with their calling codes.
CODES = {
    **dict.fromkeys(("US", "CA"), "+1"),
    **{"ZA": "+27", "GR": "+30", "NL": "+31", "BE": "+32", "FR": "+33", "ES": "+34", "HU": "+36"},
    **{"IT": "+39", "RO": "+40", "CH": "+41", "AT": "+43", "GB": "+44", "DK": "+45", "SE": "+46"},
    **{"NO": "+47", "PL": "+48", "DE": "+49", "MX": "+52", "BR": "+55", "AU": "+61", "NZ": "+64"},
    **{"JP": "+81", "IN": "+91", "PT": "+351", "IE": "+353", "FI": "+358", "CZ": "+420"},
}
CANADIAN = frozenset(
    "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438"
    " 450 468 474 506 514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 742 753 778 780"
    " 782 807 819 825 867 873 879 902 905".split()
)
# City, state and ZIP of a few area codes.
AREAS = {
    "212": ("NEW YORK", "NY", "10001"),
    "213": ("LOS ANGELES", "CA", "90012"),
    "305": ("MIAMI", "FL", "33130"),
    "312": ("CHICAGO", "IL", "60601"),
    "415": ("SAN FRANCISCO", "CA", "94105"),
    "512": ("AUSTIN", "TX", "78701"),
    "617": ("BOSTON", "MA", "02108"),
    "206": ("SEATTLE", "WA", "98101"),
    "416": ("TORONTO", "ON", "M5H 2N2"),
    "604": ("VANCOUVER", "BC", "V6B 1A1"),
}
E164 = re.compile(r"\+[1-9]\d{6,14}")


def country(number: str) -> str:
    """ISO code of a number in E.164, '' for a country that there is not here or no number."""
    if not E164.fullmatch(number):
        return ""
    if number.startswith("+1"):
        return "CA" if number[2:5] in CANADIAN else "US"
    return next((iso for iso, code in CODES.items() if number.startswith(code)), "")


def geography(number: str, *sides: str) -> Params:
    """City, State, Zip and Country for the parameters of these sides (``From``, ``Caller`` …).

    What Twilio does not know of a number whose country it knows is sent empty; of a word, a SIP
    address or an impossible number nothing is sent.
    """
    iso = country(number)
    if not iso:
        return {}
    known = AREAS.get(number[2:5], ("", "", "")) if number.startswith("+1") else ("", "", "")
    names = ("City", "State", "Zip", "Country")
    return {
        side + name: value
        for side in sides
        for name, value in zip(names, (*known, iso), strict=True)
    }
