"""Caller IDs: a number is a number, and everything else is shown as what it is."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calls.facts.inbound import callers
from calls.facts.inbound.callers import Kind
from contacts import numbers


@pytest.mark.parametrize(
    ("said", "kind", "shown"),
    [
        ("+14155550100", Kind.NUMBER, "+14155550100"),
        ("+4930123456", Kind.NUMBER, "+4930123456"),
        ("anonymous", Kind.WITHHELD, "Hidden number"),
        ("Anonymous", Kind.WITHHELD, "Hidden number"),
        ("RESTRICTED", Kind.WITHHELD, "Hidden number"),
        ("private", Kind.WITHHELD, "Hidden number"),
        ("+266696687", Kind.WITHHELD, "Hidden number"),
        ("266696687", Kind.WITHHELD, "Hidden number"),
        ("+1266696687", Kind.WITHHELD, "Hidden number"),
        ("+7378742833", Kind.WITHHELD, "Hidden number"),
        ("+17378742833", Kind.WITHHELD, "Hidden number"),
        ("+7378742883", Kind.WITHHELD, "Hidden number"),
        ("+2562533", Kind.WITHHELD, "Hidden number"),
        ("+8656696", Kind.UNKNOWN, "No caller ID"),
        ("+86282452253", Kind.UNKNOWN, "No caller ID"),
        ("unavailable", Kind.UNKNOWN, "No caller ID"),
        ("Unknown", Kind.UNKNOWN, "No caller ID"),
        ("", Kind.UNKNOWN, "No caller ID"),
        ("+", Kind.UNKNOWN, "No caller ID"),
        ("sip:alice@example.com", Kind.SIP, "alice@example.com"),
        ("sip:+14155550100@pbx.example.com;user=phone", Kind.SIP, "+14155550100@pbx.example.com"),
        ("SIPS:bob@example.com:5061?x=y", Kind.SIP, "bob@example.com:5061"),
        ("sip:anonymous@anonymous.invalid", Kind.WITHHELD, "Hidden number"),
        ("sip:Restricted@carrier.example", Kind.WITHHELD, "Hidden number"),
        ("sip:", Kind.UNKNOWN, "No caller ID"),
        ("client:t1_u2", Kind.SIP, "t1_u2"),
        ("86753", Kind.SHORT, "86753"),
        ("+464", Kind.SHORT, "+464"),
        ("4155550100", Kind.ODD, "4155550100"),
        ("+0123456789", Kind.ODD, "+0123456789"),
        ("1234567890123456", Kind.LONG, "1234567890123456"),
        ("+1415555010012345", Kind.LONG, "+1415555010012345"),
        ("ACME Ltd", Kind.ODD, "ACME Ltd"),
        ("+1415\r\n5550100", Kind.ODD, "+1415  5550100"),
        ("+1415555\u0661\u0662\u0663\u0664", Kind.ODD, "+1415555\u0661\u0662\u0663\u0664"),
    ],
)
def test_a_caller_is_shown_as_what_they_are(said: str, kind: Kind, shown: str) -> None:
    found = callers.read(said)
    assert (found.kind, found.shown) == (kind, shown)
    assert found.may_be_matched == (kind == Kind.NUMBER)


@given(st.text(max_size=200) | st.from_regex(r"\+?[0-9]{1,20}") | st.from_regex(r"sips?:.*"))
@example("+" + "1" * 100)
@example("0" * 63 + " 0")
@example("anonymous" + "." * 60 + "x")
@example("+14155550100" + " " * 60 + "x")
def test_whatever_stands_there_only_a_number_is_matched(said: str) -> None:
    found = callers.read(said)
    assert found.shown and found.shown.isprintable() and len(found.shown) <= callers.LONGEST
    assert bool(found.number) == found.may_be_matched
    if found.may_be_matched:
        assert found.number == said.strip()
        assert re.fullmatch(numbers.E164, found.number)
    assert callers.read(found.text).text == found.text or found.kind == Kind.SIP
    assert callers.read(callers.kept(said)) == found  # as of the call's row
