"""What rows keep of a plan is what was put into them."""

from hypothesis import given
from hypothesis import strategies as st

from calls.facts.inbound import written
from calls.facts.inbound.plans import LATER, Go, Target

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
targets = st.one_of(
    st.just(LATER), st.builds(Target, st.sampled_from([g for g in Go if g != Go.LATER]), texts)
)


@given(targets)
def test_a_place_is_read_as_it_was_written(target: Target) -> None:
    assert written.target(written.place(target)) == target


@given(st.text(max_size=30))
def test_what_is_no_place_is_nowhere(text: str) -> None:
    found = written.target(text)
    assert found is None or written.place(found) == text


def test_nowhere_is_empty() -> None:
    assert written.place(None) == "" and written.target("") is None
    assert written.target("later:x") is None and written.target("group:") is None
