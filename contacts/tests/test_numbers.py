"""Numbers as people type them."""

import time

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from contacts.numbers import (
    _EMERGENCY_ANYWHERE,
    Number,
    NumberError,
    country_of,
    display,
    parse,
    parse_own,
    parse_several,
)


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
        ("0800 REVERSE", "GB", "+448007383773"),
        ("٤١٥٥٥٥٠١٠٠", "US", "+14155550100"),
        ("४१५-५५५-०१००", "US", "+14155550100"),
        # Words beside it, which are not spelt numbers.
        ("Tel. 415-555-0100", "US", "+14155550100"),
        ("Cell: (415) 555-0100", "US", "+14155550100"),
        ("415-555-0100 mobile", "US", "+14155550100"),
        ("415-555-0100 (work)", "US", "+14155550100"),
        ("+49 30 23125010 mobil", "US", "+493023125010"),
        # What a spreadsheet leaves of it.
        ("4155550100.0", "US", "+14155550100"),
        ("33142685300", "US", "+33142685300"),
        ("33142685300.0", "US", "+33142685300"),
        ("14155550100", "DE", "+14155550100"),
        ("493023125010", "DE", "+493023125010"),
        # A way out of the country that is another country's.
        ("0033 1 42 68 53 00", "US", "+33142685300"),
        ("0033 (0)1 42 68 53 00", "US", "+33142685300"),
        ("00 1 415 555 0100", "US", "+14155550100"),
        ("011 44 20 7946 0100", "DE", "+442079460100"),
        # Forms that the plan of the country has given up.
        ("+52 1 55 1234 5678", "US", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("(11) 8765-4321", "BR", "+5511987654321"),
        ("+55 11 3765-4321", "US", "+551137654321"),
        ("(1) 234 5678", "CO", "+576012345678"),
        ("0168 234 5678", "VN", "+84382345678"),
        ("+229 97 12 34 56", "US", "+2290197123456"),
        ("+225 07 12 34 56", "US", "+2250707123456"),
    ],
)
def test_usual_forms_become_e164(typed: str, region: str, e164: str) -> None:
    assert parse(typed, region) == (e164, "")


@pytest.mark.parametrize(
    ("typed", "region", "found"),
    [
        ("415-555-0100 x12", "US", ("+14155550100", "12")),
        ("+14155550100 ext. 12", "DE", ("+14155550100", "12")),
        ("+141555501０0;ext=012", "US", ("+14155550100", "012")),
        ("+14155550100,,1234#", "US", ("+14155550100", "1234")),
        ("(415) 555-0100 Extension: 7", "US", ("+14155550100", "7")),
        ("tel:+1-415-555-0100;ext=12", "US", ("+14155550100", "12")),
        ("(514) 555-0100 Local 212", "CA", ("+15145550100", "212")),
        ("01 42 68 53 00 poste 45", "FR", ("+33142685300", "45")),
        ("030 23125010 Durchwahl 12", "DE", ("+493023125010", "12")),
        ("work: 415-555-0100 x12", "US", ("+14155550100", "12")),
    ],
)
def test_an_extension_is_kept_beside_the_number(
    typed: str, region: str, found: tuple[str, str]
) -> None:
    number = parse(typed, region)
    assert number == found and number == parse(typed, region, by_hand=True)
    assert parse(display(str(number), region), region) == parse(str(number), "GB") == number
    assert Number.of(str(number)) == number
    with pytest.raises(NumberError, match="has no extension"):
        parse_own(typed, region)


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
        ("+14155550100 ext. 1234567890123", "US"),
        ("<script>alert(1)</script>", "US"),
        ("9" * 100, "US"),
        ("4.15556E+09", "US"),
        # A wrong digit at home calls no other country, words are no digits.
        ("415-555-01234", "US"),
        ("030 Berlin", "DE"),
        ("030 12345 Raum 12", "DE"),
        ("0221 12345 bis 18 Uhr", "DE"),
        ("9876543210", "US"),
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
        ("٩١١", "US"),
        ("911 mobile", "US"),
        ("911 Notruf", "DE"),
        ("911 emergency", "DE"),
        ("911 (police)", "DE"),
        ("190 emergency", "AT"),
        ("911 help", "FI"),
        ("00911", "US"),
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
        ("9-911", "US"),
        ("9,911", "US"),
        ("8 112", "US"),
        ("*67 911", "US"),
        ("141 999", "GB"),
        ("#31#112", "DE"),
        ("0 112", "DE"),
        ("tel:911", "US"),
        ("911#", "US"),
        ("911 123", "US"),
        ("17", "FR"),
        ("15", "FR"),
        ("115", "IT"),
        ("119", "JP"),
        ("100", "IN"),
        ("997", "PL"),
        ("1300", "GA"),
    ],
)
def test_emergency_numbers_are_refused_however_they_are_written(typed: str, region: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse(typed, region)
    assert refused.value.code == "emergency_blocked"


def test_no_valid_number_of_a_country_asks_for_help_there() -> None:
    short = [f"{number:0{width}}" for width in (2, 3) for number in range(10**width)]
    for region in phonenumbers.SUPPORTED_REGIONS:
        known = {digits for digits in short if shortnumberinfo.is_emergency_number(digits, region)}
        for digits in known | _EMERGENCY_ANYWHERE:
            with pytest.raises(NumberError) as refused:
                parse(digits, region)
            assert refused.value.code == "emergency_blocked", (region, digits)


@pytest.mark.parametrize("region", ["US", "FR", "IN", "DE"])
def test_no_number_of_a_person_is_taken_for_a_call_for_help(region: str) -> None:
    """Delhi (+91 11 …) begins like 911, Montréal (+1 514 …) like the French 15."""
    for country in phonenumbers.SUPPORTED_REGIONS:
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(country, kind)
            if example is not None:
                e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
                assert parse(e164, region) == (e164, "")
    assert parse("+91 11 2345 6789", region).number == "+911123456789"
    assert parse("+1 514 555 0104", region).number == "+15145550104"


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        # Premium rate.
        ("+1 900 555 0100", "US"),
        ("900-555-0100", "CA"),
        ("+44 909 879 0000", "US"),
        ("0906 512 3456", "GB"),
        ("0900 1234567", "DE"),
        ("+33 899 12 34 56", "US"),
        ("+39 899 123456", "US"),
        ("+34 803 123456", "US"),
        ("+31 906 1234567", "US"),
        ("+41 900 123456", "US"),
        ("+43 900 123456", "US"),
        ("+61 1900 654 321", "US"),
        ("+81 990 123 456", "US"),
        # Shared cost.
        ("+44 843 123 4567", "US"),
        ("0180 5 123456", "DE"),
        ("+33 810 12 34 56", "US"),
        ("+39 840 123456", "US"),
        ("+34 901 234567", "US"),
        ("+41 840 123456", "US"),
        # Personal numbers and pagers.
        ("+44 70 1234 5678", "US"),
        ("+44 7640 123456", "US"),
        ("+49 700 12345678", "US"),
        ("+1 500 234 5678", "US"),
        # Satellites and networks of no country.
        ("+870 773 111 632", "US"),
        ("+881 612 345 678", "US"),
        ("+881 7 12345678", "GB"),
        ("+882 16 1234567", "US"),
        ("+882 13 1234567", "US"),
        ("+883 510 001 23456", "US"),
        ("+888 12345678901", "US"),
        ("+878 10 1234567890", "US"),
        ("+979 1 23456789", "US"),
        ("+808 1234 5678", "US"),
        ("+800 1234 5678", "US"),
        ("011 881 612 345 678", "US"),
        ("00 881 612 345 678", "DE"),
    ],
)
def test_premium_and_satellite_numbers_are_refused(typed: str, region: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse(typed, region)
    assert refused.value.code == "premium_blocked"


@pytest.mark.parametrize(
    ("e164", "home", "country"),
    [
        ("+14155550100", "US", "US"),
        ("+15145550104", "US", "CA"),
        ("+18765550100", "US", "JM"),
        ("+18095550100", "US", "DO"),
        ("+18003569377", "CA", "CA"),
        ("+18003569377", "GB", "US"),
        ("+442079460100", "US", "GB"),
        ("+447911123456", "GB", "GG"),
        ("+79161234567", "US", "RU"),
        ("+77012345678", "US", "KZ"),
        ("+5352345678", "US", "CU"),
    ],
)
def test_a_number_has_a_country_also_where_many_share_a_code(
    e164: str, home: str, country: str
) -> None:
    assert country_of(e164, home) == country


@given(st.text(max_size=40), st.sampled_from(["US", "DE", "GB", "JP", ""]))
def test_any_text_is_a_number_or_refused(typed: str, region: str) -> None:
    try:
        number, extension = parse(typed, region)
    except NumberError:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdecimal()
    assert 8 <= len(number) <= 16


EXAMPLES = [
    phonenumbers.format_number(example, PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    if (example := phonenumbers.example_number_for_type(region, kind)) is not None
]
DISGUISES = [
    "{}",
    "tel:{}",
    "{} (work)",
    "Mobile: {}",
    "00{digits}",
    "011 {digits}",
    "{}.0",
    "{spaced}",
]
# Where a number of the country itself is so long that no other may be meant.
SHORT_PLANS = ["DK", "ES", "FR", "NO", "PL", "US"]


def _is_of(written: str, home: str) -> bool:
    try:
        at_home = phonenumbers.parse(written, home)
    except phonenumbers.NumberParseException:
        return False
    is_international = written.startswith("+")
    return not is_international and phonenumbers.is_valid_number_for_region(at_home, home)


@given(st.sampled_from(EXAMPLES), st.sampled_from(DISGUISES), st.sampled_from(SHORT_PLANS))
def test_a_whole_number_is_the_same_in_every_disguise(e164: str, disguise: str, home: str) -> None:
    digits = e164.removeprefix("+")
    written = disguise.format(e164, digits=digits, spaced=f"+{' '.join(digits)}")
    assume(not _is_of(written, home))  # as 0116837012 is, in France
    try:
        assert parse(written, home) == (e164, "")
    except NumberError as error:
        assert error.code == "premium_blocked", (written, home)


@given(st.sampled_from(EXAMPLES), st.sampled_from("٠०০๐０"))
def test_digits_of_every_script_are_digits(e164: str, zero: str) -> None:
    written = "+" + "".join(chr(ord(zero) + int(digit)) for digit in e164[1:])
    assert parse(written, "US") == parse(e164, "US")


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("415-555-0100", [("+14155550100", "")]),
        ("415-555-0100 mobile", [("+14155550100", "mobile")]),
        ("(Home) 415-555-0100", [("+14155550100", "Home")]),
        ("1-800-FLOWERS", [("+18003569377", "")]),
        ("030/23125010", [("+493023125010", "")]),
        (
            "+1 415 555 0100 / +1 415 555 0101",
            [("+14155550100", ""), ("+14155550101", "")],
        ),
        (
            "Office +1 415-555-0100, mobile +1 415-555-0101",
            [("+14155550100", "Office"), ("+14155550101", "mobile")],
        ),
        (
            "+1 415 555 0100 ::: 0033 1 42 68 53 00;030 23125010 or 030 23125011",
            [(f"+{n}", "") for n in (14155550100, 33142685300, 493023125010, 493023125011)],
        ),
    ],
)
def test_a_cell_may_hold_several_numbers_and_words(cell: str, found: list[tuple[str, str]]) -> None:
    assert parse_several(cell, "US" if "FLOWERS" in cell or "415-" in cell else "DE") == found


@pytest.mark.parametrize(
    ("cell", "region"),
    [
        ("415-555-0100/01", "US"),
        ("415-555-0100, 12", "US"),
        ("030 1234567 / 68", "DE"),
        ("030 1234567 / 112", "DE"),
        ("0664 1234567 / 110", "AT"),
    ],
)
def test_a_cell_of_which_a_part_cannot_be_read_is_refused(cell: str, region: str) -> None:
    with pytest.raises(NumberError):
        parse_several(cell, region)


@pytest.mark.parametrize(
    ("typed", "region", "said"),
    [
        ("33142685300", "US", r"mean \+33 1 42 68 53 00, put a \+"),
        ("41555501001", "US", r"mean \+41 55 550 10 01, put a \+"),  # a digit too many
        ("14155550100", "DE", r"mean \+1 415-555-0100, put a \+"),
        ("0033 1 42 68 53 00", "US", ""),
        ("14155550100", "US", ""),
    ],
)
def test_by_hand_no_digit_too_many_is_another_country(typed: str, region: str, said: str) -> None:
    parse(typed, region)  # of a file, whose plus a spreadsheet has eaten
    if not said:
        assert parse(typed, region, by_hand=True) == parse(typed, region)
        return
    with pytest.raises(NumberError, match=said):
        parse(typed, region, by_hand=True)


def test_no_text_takes_long() -> None:
    began = time.process_time()
    for text in ("1" + "a" * 247 + "1", "a" * 250, "(" * 250, "1 " * 125, "+" * 250, "x1" * 125):
        for _ in range(20):
            with pytest.raises(NumberError):
                parse_several(text, "US")
    # The CPU of 120 texts: what grows with a power of their length takes minutes.
    assert time.process_time() - began < 10


def test_digits_that_a_spreadsheet_has_eaten_are_told_as_such() -> None:
    for text in ("4.15556E+09", "4,15556E+09", "4.15556e+10", "4E+09"):
        with pytest.raises(NumberError, match="its last digits are lost"):
            parse(text, "US")


def test_numbers_are_shown_as_people_write_them() -> None:
    assert display("+14155550100", "US") == "(415) 555-0100"
    assert display("+14155550100", "GB") == "+1 415-555-0100"
    assert display("anonymous") == "anonymous"


@pytest.mark.parametrize(
    ("typed", "region", "said"),
    [
        ("030 12345678 90123", "DE", "too long"),
        ("030 123456789012", "DE", "too long"),
        ("030 1234567890", "DE", None),
        ("+43 1116", "US", "too short"),
    ],
)
def test_what_some_plans_allow_and_nobody_can_store_is_refused(
    typed: str, region: str, said: str | None
) -> None:
    if said is None:
        assert len(parse(typed, region).number) <= 16
        return
    with pytest.raises(NumberError, match=said):
        parse(typed, region)
