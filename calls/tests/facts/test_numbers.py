"""What a search may contain, whom a number's callers reach, and what a refusal says."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.facts.numbers import NEEDS_DOCUMENTS, REFUSALS, Leads, Price, leads, refusal
from calls.facts.numbers import search_problem as problem
from sandbox.telephony.stock import BadPattern, pattern

WANT = {
    "voice_url": "https://crm.example/voice?step=called&tenant=aa#rc=5",
    "voice_method": "POST",
    "voice_fallback_url": "https://crm.example/fallback?tenant=aa#rc=5",
    "voice_fallback_method": "POST",
    "status_callback": "https://crm.example/status?tenant=aa#rc=5",
    "status_callback_method": "POST",
    "voice_application_sid": "",
}


@pytest.mark.parametrize("contains", ["22", "CALL", "*2255", "2255*", "41555501", "1x2"])
def test_what_a_number_may_contain(contains: str) -> None:
    assert problem(contains) == ""


@pytest.mark.parametrize(
    ("contains", "says"),
    [
        ("2", "2 to 14"),
        ("2" * 15, "2 to 14"),
        ("+1415", "digits and letters"),
        ("5$", "digits and letters"),
        ("ä1", "digits and letters"),
        ("*2", "two digits"),
        ("2*5", "beginning or the end"),
        ("**25", "one \\*"),
    ],
)
def test_what_it_may_not_contain_is_said(contains: str, says: str) -> None:
    assert re.search(says, problem(contains))


@given(st.text("0123456789ABCxyz*", min_size=1, max_size=16))
def test_what_passes_is_what_twilio_takes(contains: str) -> None:
    """The sandbox reads Twilio's rules by itself."""
    if problem(contains) == "":
        pattern(contains)
    elif len(contains) <= 14:
        with pytest.raises(BadPattern):
            pattern(contains)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Leads.HERE),
        ({"voice_fallback_url": ""}, Leads.PARTLY),
        ({"voice_method": "GET"}, Leads.PARTLY),
        ({"voice_url": "https://crm.example/voice?step=called&tenant=aa"}, Leads.PARTLY),
        ({"voice_url": "https://crm.example/voice"}, Leads.PARTLY),
        ({"voice_url": "https://crm.example/voice?step=called&tenant=bb#rc=5"}, Leads.ANOTHER),
        ({"voice_url": ""}, Leads.NOWHERE),
        ({"voice_url": "https://demo.twilio.com/welcome/voice/"}, Leads.NOWHERE),
        ({"voice_url": "https://pbx.example/voice?tenant=aa"}, Leads.ELSEWHERE),
        ({"voice_url": "http://crm.example/voice?tenant=aa"}, Leads.ELSEWHERE),
        ({"voice_url": "https://crm.example.evil/?tenant=aa"}, Leads.ELSEWHERE),
        ({"voice_application_sid": "AP1"}, Leads.ELSEWHERE),
        ({"trunk_sid": "TK1"}, Leads.ELSEWHERE),
    ],
)
def test_whom_callers_reach(change: dict[str, str], expected: Leads) -> None:
    assert leads(WANT | change, WANT) is expected


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_refusal_is_a_sentence_with_its_next_step(code: int) -> None:
    said = refusal(code, "PhoneNumber Requires Something")
    assert said == REFUSALS[code] and said[0].isupper() and said.endswith(".")
    assert "PhoneNumber" not in said and str(code) not in said


def test_a_refusal_that_is_new_to_us_says_its_code_and_what_twilio_said() -> None:
    assert refusal(29999, "Something new.").startswith(
        "Twilio refused (code 29999): Something new."
    )
    assert refusal(0).startswith("Twilio refused (code unknown). ")
    assert NEEDS_DOCUMENTS <= set(REFUSALS)


def test_a_price_has_its_currency() -> None:
    assert str(Price(Decimal("1.1500"), "USD")) == "1.15 USD"
