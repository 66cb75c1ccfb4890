from hypothesis import given
from hypothesis import strategies as st

from calls.facts.notes import in_one_line, tidy


def test_what_is_only_space_at_the_ends_goes_and_lines_stay() -> None:
    assert tidy(" \r\n Call back. \r\n\r\nOn Friday\t\r") == "Call back.\n\nOn Friday"


@given(st.text())
def test_tidied_once_it_is_tidy(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert "".join(once.split()) == "".join(text.split())
    assert "\r" not in once


def test_a_short_one_is_said_in_full_and_a_long_one_is_cut_between_words() -> None:
    assert in_one_line("Wants an offer.\nFor 20 seats.") == "Wants an offer. For 20 seats."
    assert in_one_line("Wants an offer for twenty seats", 24) == "Wants an offer for…"
    assert in_one_line("https://acme.example/a/long/way", 12) == "https://acm…"


@given(st.text(), st.integers(2, 50))
def test_a_line_is_no_longer_than_asked(text: str, longest: int) -> None:
    line = in_one_line(text, longest)
    assert len(line) <= longest
    assert len(line.splitlines()) <= 1
    assert " ".join(text.split()).startswith(line.removesuffix("…"))
