"""Every code that a person can meet has a sentence; the lists are read from where the codes are."""

import re

import pytest
from django.conf import settings

from calls.api import errors
from calls.facts import explanations
from calls.facts.explanations import PHONE_ERRORS, TWILIO_ERRORS

STATIC = settings.BASE_DIR / "static"
SDK = STATIC / "vendor" / "twilio-voice-sdk-2.18.5.min.js"

# What Twilio can answer or report about a call that was asked for rightly or wrongly.
TWILIO_CODES = """
10004 11200 11205 11750 12100 12200 12300 13214 13223 13224 13225 13227 13256 13805 14111
20003 20101 20104 20105 20404 20429 20500 20503
21210 21211 21212 21214 21215 21216 21217 21219 21220 22005
31000 31001 31002 31003 31005 31008 31009 31100 31101 31102 31103 31104 31105 31107
31201 31202 31203 31204 31205 31206 31207 31208 31209 31210 31212 31400 31401 31402
31404 31480 31486 31603 53000 53001 53400 53402 53405
""".split()
# Of the API's contract, though not raised yet.
API_CODES = "dnc_blocked outside_calling_hours attempt_cap call_over".split()


def sdk_codes() -> set[str]:
    """The codes of every error class in the vendored file; 31e3 is how it writes 31000."""
    found = re.findall(r"\.code=(\d{5}|\d\de3)\b", SDK.read_text())
    return {str(int(float(code))) for code in found}


def shim_codes() -> set[str]:
    """The codes of its own that the phone's scripts give."""
    text = "".join(path.read_text() for path in (STATIC / "js").glob("*.js"))
    made = re.findall(r'new PhoneError\(\s*"(\w+)"', text)
    said = re.findall(r'\bcode(?: =|:) "(\w+)"', text)
    numbers = re.findall(r"\b(31\d{3}|20\d{3}|53\d{3})\b", text)
    return {*made, *said, *numbers}


def test_the_lists_are_read_rightly() -> None:
    assert {"31000", "31401", "53000", "53405", "20104"} <= sdk_codes()
    assert len(sdk_codes()) > 35
    assert {"network", "connect_timeout", "busy", "31401"} <= shim_codes()


@pytest.mark.parametrize(
    "code", sorted({*sdk_codes(), *shim_codes(), *errors.HTTP_STATUS, *API_CODES})
)
def test_a_code_of_the_phone_or_the_api_has_a_sentence(code: str) -> None:
    assert_helpful(PHONE_ERRORS[code])


@pytest.mark.parametrize("code", TWILIO_CODES)
def test_a_code_of_twilio_has_a_sentence(code: str) -> None:
    assert_helpful(TWILIO_ERRORS[int(code)])


def assert_helpful(text: str) -> None:
    """What happened, then what to do: two sentences, in plain words."""
    assert len(re.findall(r"[.!](?: |$)", text)) >= 2, text
    assert text[0].isupper()
    assert not re.search(r"\d{4}|JWT|SDP|null|None|exception", text), text


def test_a_code_of_tomorrow_is_named_and_has_a_next_step() -> None:
    assert "31999" in explanations.phone_error("31999")
    assert "Try again" in explanations.phone_error("31999")
    assert "29999" in explanations.twilio_refusal(29999)
    assert explanations.twilio_refusal(21211) == TWILIO_ERRORS[21211]
