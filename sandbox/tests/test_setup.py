"""What an operator looks at: the account, its tokens and keys, and where it may call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twilio.base.exceptions import TwilioRestException

from sandbox.tests.harness import ACCOUNT, KEY, SECRET, TOKEN, Box


@pytest.fixture
def two_tokens(box: Box) -> Iterator[Box]:
    box.config.accounts[ACCOUNT].secondary_token = "token-two-to-be"
    yield box
    box.config.accounts[ACCOUNT].secondary_token = ""


@pytest.mark.parametrize("token", [TOKEN, "token-two-to-be"])
def test_either_token_signs_in_and_is_told_which_one_signs_webhooks(
    two_tokens: Box, token: str
) -> None:
    account = two_tokens.twilio(ACCOUNT, token).api.accounts(ACCOUNT).fetch()
    assert (account.auth_token, account.status, account.type) == (TOKEN, "active", "Full")


def test_a_key_is_not_told_the_token(box: Box) -> None:
    assert box.twilio(KEY, SECRET, ACCOUNT).api.accounts(ACCOUNT).fetch().auth_token == ""


def test_an_empty_secondary_token_opens_nothing(box: Box) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.twilio(ACCOUNT, "").api.accounts(ACCOUNT).fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_keys_are_shown_to_the_token_only(box: Box) -> None:
    assert box.client.keys(KEY).fetch().sid == KEY
    with pytest.raises(TwilioRestException) as unknown:
        box.client.keys("SK" + "9" * 32).fetch()
    assert unknown.value.status == 404
    with pytest.raises(TwilioRestException) as refused:
        box.twilio(KEY, SECRET, ACCOUNT).keys(KEY).fetch()
    assert refused.value.status == 401


def test_a_blocked_prefix_closes_its_countries(box: Box) -> None:
    def allowed(iso: str) -> bool:
        country = box.client.voice.v1.dialing_permissions.countries(iso).fetch()
        return bool(country.low_risk_numbers_enabled)

    assert allowed("DE") and allowed("CA")
    blocked = box.config.geo_blocked_prefixes
    box.config.geo_blocked_prefixes = [*blocked, "+49"]
    assert not allowed("DE") and allowed("CA")
    box.config.geo_blocked_prefixes = blocked
    with pytest.raises(TwilioRestException) as unknown:
        allowed("XX")
    assert unknown.value.status == 404
