"""Events of a call: what was asked of the application, some time after its end."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioException

from sandbox.tests.harness import OTHER_ACCOUNT, OTHER_TOKEN, Box, until


def test_they_tell_each_request_and_its_answer_when_the_call_is_long_over(box: Box) -> None:
    lost = box.fault("webhook-drop", match="CallStatus=ringing")
    made = box.dial("vc_events", "104")
    until(lambda: box.status(made.call_sid) == "busy")
    until(lambda: len(box.application.to("/status")) == 2)
    assert lost() == 1
    assert box.client.calls(made.call_sid).events.list() == []  # fifteen minutes at Twilio

    box.config.events_seconds = 0
    events = box.client.calls(made.call_sid).events.list()
    requests = [event.request for event in events if event.request["url"].endswith("/status")]
    told = {request["parameters"]["call_status"]: request["parameters"] for request in requests}
    assert set(told) == {"initiated", "ringing", "busy"}
    assert told["busy"]["sip_response_code"] == "603"
    assert told["busy"]["account_sid"] == made.account_sid
    assert {request["method"] for request in requests} == {"POST"}
    answers = {event.response["response_code"] for event in events}
    assert None in answers and len(answers) == 2  # what was lost on its way had no answer


def test_a_call_of_another_account_has_none(box: Box) -> None:
    made = box.dial("vc_events_2", "104")
    with pytest.raises(TwilioException, match="404"):
        box.twilio(OTHER_ACCOUNT, OTHER_TOKEN).calls(made.call_sid).events.list()
