"""The first steps are shown to whom they concern, as long as one of them is left."""

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from calls.facts.first_steps import Found, Step, first_steps

NAMES = [field.name for field in fields(Found)]
# Who has called has made a call.
FOUND = st.builds(Found, *[st.booleans()] * len(NAMES)).filter(
    lambda found: found.call or not found.own_call
)
ALL = Found(*[True] * len(NAMES))


@given(FOUND, st.booleans())
def test_nothing_is_shown_exactly_when_nothing_but_the_microphone_is_left(
    found: Found, is_admin: bool
) -> None:
    shown = first_steps(found, is_admin=is_admin)
    if is_admin:
        assert (shown == {}) == (found == replace(ALL, own_call=found.own_call))
    else:
        assert (shown == {}) == found.own_call
    left = {step for step, is_done in shown.items() if not is_done}
    assert not shown or left - {Step.MICROPHONE}


@given(FOUND, st.booleans(), st.sampled_from(NAMES))
def test_what_is_done_stays_done_whatever_comes(found: Found, is_admin: bool, name: str) -> None:
    before = first_steps(found, is_admin=is_admin)
    after = first_steps(replace(found, **{name: True}), is_admin=is_admin)
    assert set(after) <= set(before)
    assert all(after[step] for step in after if before[step])


@given(FOUND)
def test_an_agent_is_shown_what_an_agent_can_do_and_whom_to_ask(found: Found) -> None:
    shown = first_steps(found, is_admin=False)
    assert set(shown) <= {Step.NUMBER, Step.MICROPHONE, Step.CALL}
    assert (Step.NUMBER in shown) == (not found.number and not found.own_call)
    admins = first_steps(found, is_admin=True)
    assert list(admins) in ([], list(Step))
