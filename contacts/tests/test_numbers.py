"""Numbers as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.numbers import NumberError, display, parse


@pytest.mark.parametrize(
    ("typed", "region", "e164"),
    [
        ("+14155550100", "US", "+14155550100"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("415.555.0100", "US", "+14155550100"),
        ("1-415-555-0100", "US", "+14155550100"),
        ("  415 555 0100  ", "US", "+14155550100"),
        ("tel:+1-415-555-0100", "US", "+14155550100"),
        ("＋１４１５５５５０１００", "US", "+14155550100"),
        ("011 44 20 7946 0100", "US", "+442079460100"),
        ("+44 (0)20 7946 0100", "US", "+442079460100"),
        ("020 7946 0100", "GB", "+442079460100"),
        ("0044 20 7946 0100", "DE", "+442079460100"),
        ("030 23125010", "DE", "+493023125010"),
        ("+33 1 99 00 61 00", "US", "+33199006100"),
        ("1-800-FLOWERS", "US", "+18003569377"),
    ],
)
def test_usual_forms_become_e164(typed: str, region: str, e164: str) -> None:
    assert parse(typed, region) == e164


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("", "US"),
        ("   ", "US"),
        ("maria", "US"),
        ("12", "US"),
        ("555-010", "US"),
        ("+1 415 555 010", "US"),
        ("+1 415 555 01000", "US"),
        ("+999 1234567", "US"),
        ("0000000000", "US"),
        ("+", "US"),
        ("+14155550100 ext. 12", "US"),
        ("<script>alert(1)</script>", "US"),
        ("+1415555010０0;ext=1", "US"),
        ("9" * 100, "US"),
        ("+14155550100,,1234#", "US"),
    ],
)
def test_what_is_no_number_is_refused_with_a_sentence(typed: str, region: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse(typed, region)
    assert refused.value.code == "invalid_number"
    assert refused.value.message.endswith((".", "keypad."))


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("911", "US"),
        ("9-1-1", "US"),
        ("９１１", "US"),
        ("112", "US"),
        ("112", "DE"),
        ("110", "DE"),
        ("999", "GB"),
        ("000", "AU"),
        ("933", "US"),
        ("+1 911", "US"),
        ("+1911", "DE"),
        ("+44 999", "US"),
        ("0044 999", "DE"),
        ("011 44 999", "US"),
        ("1 911", "US"),
        ("911", "DE"),
    ],
)
def test_emergency_numbers_are_refused_however_they_are_written(typed: str, region: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse(typed, region)
    assert refused.value.code == "emergency_blocked"


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("+1 900 555 0100", "US"),
        ("+44 909 879 0000", "US"),
        ("0900 1234567", "DE"),
        ("+870 773 111 632", "US"),
        ("+881 612 345 678", "US"),
        ("+882 16 1234567", "US"),
        ("+883 510 001 23456", "US"),
    ],
)
def test_premium_and_satellite_numbers_are_refused(typed: str, region: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse(typed, region)
    assert refused.value.code == "premium_blocked"


@given(st.text(max_size=40), st.sampled_from(["US", "DE", "GB", "JP", ""]))
def test_any_text_is_a_number_or_refused(typed: str, region: str) -> None:
    try:
        number = parse(typed, region)
    except NumberError:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdecimal()
    assert 8 <= len(number) <= 16


def test_numbers_are_shown_as_people_write_them() -> None:
    assert display("+14155550100", "US") == "(415) 555-0100"
    assert display("+14155550100", "GB") == "+1 415-555-0100"
    assert display("anonymous") == "anonymous"
