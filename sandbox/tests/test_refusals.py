"""What Twilio refuses, with its codes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from sandbox.tests.harness import (
    ACCOUNT,
    APP,
    KEY,
    NUMBER_SID,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OURS,
    SECRET,
    TOKEN,
    Box,
    phone,
    until,
)

GOOD = {"from_": OURS, "to": phone("103")}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "5551234"}, 21211),
        ({"to": "+0123456789"}, 21211),
        ({"to": phone("107")}, 21214),
        ({"to": "+97912345678"}, 21215),
        ({"to": "+15550006666"}, 21216),
        ({"from_": "+15557770000"}, 21210),
        ({"from_": "anonymous"}, 21212),
        ({"status_callback": "http://un_der.example/x"}, 21609),
        ({"status_callback": "http://a.example", "status_callback_event": ["busy"]}, 21626),
        ({"sip_auth_username": "x"}, 20001),
        ({"timeout": 601}, 20001),
    ],
)
def test_a_participant_that_cannot_be(box: Box, change: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.client.conferences("vc_refused").participants.create(**(GOOD | change))
    assert (refused.value.status, refused.value.code) == (400, code)
    assert not box.client.conferences.list(friendly_name="vc_refused")


def test_what_is_not_implemented_is_named(box: Box) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.client.conferences("vc").participants.create(**GOOD, byoc="BY1", caller_id="x")
    assert "Byoc, CallerId" in refused.value.msg


def test_a_label_is_unique_in_its_conference(box: Box) -> None:
    box.dial("vc_label", "103", label="contact")
    with pytest.raises(TwilioRestException) as refused:
        box.dial("vc_label", "103", label="contact")
    assert refused.value.code == 16025


@pytest.mark.parametrize(("sid", "token"), [(ACCOUNT, "wrong"), (KEY, "x"), ("AC9", TOKEN)])
def test_bad_credentials(box: Box, sid: str, token: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.twilio(sid, token, ACCOUNT).api.accounts(ACCOUNT).fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_an_api_key_signs_in(box: Box) -> None:
    assert box.twilio(KEY, SECRET, ACCOUNT).api.accounts(ACCOUNT).fetch().sid == ACCOUNT


def test_an_account_sees_only_its_own(box: Box) -> None:
    made = box.dial("vc_private", "103", label="contact")
    other = box.twilio(OTHER_ACCOUNT, OTHER_TOKEN)
    assert other.calls.list() == [] and other.conferences.list() == []
    for ask in (
        lambda: other.calls(made.call_sid).fetch(),
        lambda: other.conferences(made.conference_sid).fetch(),
        lambda: other.conferences("vc_private").participants("contact").fetch(),
        lambda: other.applications(APP).fetch(),
        lambda: other.incoming_phone_numbers(NUMBER_SID).fetch(),
        lambda: box.client.calls("CA" + "0" * 32).fetch(),
        lambda: box.client.recordings("RE" + "0" * 32).fetch(),
        lambda: box.twilio(OTHER_ACCOUNT, OTHER_TOKEN, ACCOUNT).calls(made.call_sid).fetch(),
    ):
        with pytest.raises(TwilioRestException) as refused:
            ask()
        assert (refused.value.status, refused.value.code) == (404, 20404)


def test_lists_filter_and_page(box: Box) -> None:
    sids = [box.dial(f"vc_page{n}", "103").call_sid for n in range(5)]
    found = box.client.calls.list(to=phone("103"), status="ringing", page_size=2)
    until(lambda: box.status(sids[-1]) == "ringing")
    found = box.client.calls.list(to=phone("103"), status="ringing", page_size=2)
    assert [c.sid for c in found] == sids[::-1]
    started = box.client.calls(sids[2]).fetch().start_time
    later = box.client.calls.list(to=phone("103"), start_time_after=started)
    assert set(sids[2:]) <= {c.sid for c in later}
    assert not box.client.calls.list(to=phone("199"))
    assert [c.friendly_name for c in box.client.conferences.list(friendly_name="vc_page3")]


def test_numbers_and_applications_can_be_set_up(box: Box) -> None:
    number = box.client.incoming_phone_numbers.list(phone_number=OURS)[0]
    before = number.voice_url
    assert number.update(voice_url="https://a.example/voice").voice_url.startswith("https://a")
    number.update(voice_url=before)
    app = box.client.applications.create(friendly_name="new", voice_url="https://a.example/v")
    assert box.client.applications(app.sid).update(voice_method="GET").voice_method == "GET"
    assert [a.sid for a in box.client.applications.list(friendly_name="new")] == [app.sid]


def test_rooms_of_one_name_are_apart_in_two_accounts(box: Box) -> None:
    other = box.config.accounts[OTHER_ACCOUNT]
    other.verified_numbers.append(OURS)
    made = box.dial("sales", "103")
    theirs = box.twilio(OTHER_ACCOUNT, OTHER_TOKEN).conferences("sales").participants
    assert theirs.create(from_=OURS, to=phone("103")).conference_sid != made.conference_sid


def test_too_many_requests_at_once(box: Box) -> None:
    box.config.rest_concurrency = 2
    box.fault("rest-delay", times=5, seconds=3)

    def ask(_: int) -> int:
        try:
            box.client.api.accounts(ACCOUNT).fetch()
        except TwilioRestException as refused:
            assert refused.code == 20429
            return int(refused.status)
        return 200

    try:
        with ThreadPoolExecutor(5) as pool:
            answers = sorted(pool.map(ask, range(5)))
    finally:
        box.config.rest_concurrency = 100
    assert answers.count(200) == 2 and answers.count(429) == 3
    assert ask(0) == 200
