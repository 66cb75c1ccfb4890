"""Every fault does what it says, as often as it was ordered; each test asserts that it fired."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from sandbox.tests.application import conference_twiml
from sandbox.tests.browser import Browser
from sandbox.tests.harness import TOKEN, Box, eventually, until
from sandbox.tests.test_recordings import get, recorded


@pytest.mark.parametrize(("status", "code"), [(500, 20500), (429, 20429), (503, 20503)])
def test_rest_error(box: Box, status: int, code: int) -> None:
    order = {} if status != 503 else {"code": 20503}
    fired = box.fault("rest-error", match="Participants", status=status, **order)
    with pytest.raises(TwilioRestException) as refused:
        box.dial(f"vc_f{status}", "100")
    assert (refused.value.status, refused.value.code) == (status, code)
    assert box.client.conferences.list(friendly_name=f"vc_f{status}") == []
    assert box.dial(f"vc_f{status}", "103").status == "queued"
    assert fired() == 1


def test_rest_delay(box: Box) -> None:
    fired = box.fault("rest-delay", match="Conferences.json", seconds=0.3)
    began = time.monotonic()
    box.client.conferences.list(limit=1)
    assert time.monotonic() - began >= 0.3 and fired() == 1


@pytest.mark.parametrize(("kind", "carried_out"), [("rest-drop", 0), ("rest-accept-then-drop", 1)])
def test_rest_drops(box: Box, kind: str, carried_out: int) -> None:
    fired = box.fault(kind, match="Participants")
    with pytest.raises(requests.ConnectionError):
        box.dial(f"vc_{kind}", "103", label="contact")
    assert fired() == 1
    assert len(box.client.conferences.list(friendly_name=f"vc_{kind}")) == carried_out
    if carried_out:
        until(lambda: box.application.to("/status"))
    else:
        time.sleep(0.3)
        assert not box.application.to("/status")


def test_callbacks_overtake_the_answer(box: Box) -> None:
    fired = box.fault("callback-before-answer", match="Participants", seconds=2)
    with ThreadPoolExecutor(1) as beside:
        answer = beside.submit(box.dial, "vc_early", "103")
        until(lambda: len(box.application.to("/status")) == 2)
        assert not answer.done(), "there before the answer"
    assert answer.result().status == "queued" and fired() == 1


def test_callbacks_follow_the_answer(box: Box) -> None:
    box.application.requests.clear()
    made = box.dial("vc_late", "103")
    assert made.status == "queued"
    until(lambda: len(box.application.to("/status")) == 2)


def test_webhook_drop_and_duplicate(box: Box) -> None:
    dropped = box.fault("webhook-drop", match="CallStatus=ringing")
    doubled = box.fault("webhook-duplicate", match="CallStatus=initiated", copies=3)
    box.dial("vc_w", "102")
    until(lambda: len(box.application.to("/status")) == 4)
    assert box.application.events("/status") == ["initiated"] * 3 + ["busy"]
    assert (dropped(), doubled()) == (1, 1)


def test_webhook_delay(box: Box) -> None:
    fired = box.fault("webhook-delay", match="CallStatus=initiated", seconds=2)
    box.dial("vc_wd", "102")
    until(lambda: len(box.application.to("/status")) == 3)
    order = [r.params["CallStatus"] for r in box.application.to("/status")]
    assert order == ["ringing", "busy", "initiated"] and fired() == 1


def test_webhook_reorder(box: Box) -> None:
    fired = box.fault("webhook-reorder", match="CallStatus=ringing")
    box.dial("vc_wr", "102")
    until(lambda: len(box.application.to("/status")) == 3)
    order = [r.params["CallStatus"] for r in box.application.to("/status")]
    assert order == ["initiated", "busy", "ringing"] and fired() == 1


def test_a_query_is_sorted_after_it_was_signed(box: Box) -> None:
    fired = box.fault("query-sort", match="CallStatus=initiated")
    url = f"{box.application.url}/status?b=2&a=1"
    box.dial("vc_qs", "102", status_callback=url)
    until(lambda: len(box.application.to("/status")) == 3)
    told = {r.params["CallStatus"]: r for r in box.application.to("/status")}
    assert told["initiated"].path == "/status?a=1&b=2" and fired() == 1
    assert told["ringing"].path == "/status?b=2&a=1"
    for request in told.values():
        form = {name: value for name, value in request.params.items() if name not in "ab"}
        signed = request.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(url, form, signed)


def test_recording_media_faults(box: Box) -> None:
    url = recorded(box, 0.4)["RecordingUrl"]
    html = box.fault("recording-html")
    assert get(url).headers["Content-Type"].startswith("text/html")
    cut = box.fault("recording-truncate")
    with pytest.raises(requests.RequestException):
        get(url)
    assert get(url).content[:4] == b"RIFF"
    assert (html(), cut()) == (1, 1)


async def test_signalling_refused_and_token_rejected(box: Box) -> None:
    refused = await asyncio.to_thread(box.fault, "signalling-refuse")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with aiohttp.ClientSession() as session:
            await session.ws_connect(f"{box.url}/signal")
    rejected = await asyncio.to_thread(lambda: box.fault("token-reject", code=31205))
    async with Browser(box) as agent:
        await agent.listen()
        assert (await agent.wait("error"))["error"]["code"] == 31205
        await agent.listen()
        await agent.wait("connected")
    assert await asyncio.to_thread(refused) == await asyncio.to_thread(rejected) == 1


async def test_requests_for_twiml_go_wrong(box: Box) -> None:
    box.application.twiml["/voice"] = "<Response><Hangup/></Response>"
    doubled = await asyncio.to_thread(lambda: box.fault("twiml-duplicate", match="/voice"))
    late = await asyncio.to_thread(lambda: box.fault("twiml-delay", match="/voice", seconds=0.3))
    async with Browser(box) as agent:
        began = time.monotonic()
        await agent.call()
        assert time.monotonic() - began >= 0.3
        assert len(box.application.to("/voice")) == 2
    dropped = await asyncio.to_thread(lambda: box.fault("twiml-drop", match="/voice"))
    async with Browser(box) as agent:
        await agent.call()
        await eventually(lambda: box.inspect(f"calls/{agent.call_sid}/heard")["rms"] > 100)
        assert len(box.application.to("/voice")) == 2
    for fired in (doubled, late, dropped):
        assert await asyncio.to_thread(fired) == 1


async def test_media_freeze(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_z")
    async with Browser(box, hertz=700) as agent:
        await agent.call()
        made = await asyncio.to_thread(box.dial, "vc_z", "100")
        await eventually(lambda: agent.ear.report()["rms_last_second"] > 300)
        order = {"match": agent.call_sid, "seconds": 2}
        fired = await asyncio.to_thread(lambda: box.fault("media-freeze", **order))
        await asyncio.sleep(0.2)
        before = agent.ear.report()["seconds"]
        await asyncio.sleep(0.2)
        assert agent.ear.report()["seconds"] - before < 0.1, "no packet comes"
        await eventually(lambda: agent.ear.report()["seconds"] > before + 0.5)
        assert await asyncio.to_thread(fired) == 1
        assert await asyncio.to_thread(box.status, made.call_sid) == "in-progress"


def test_an_order_that_makes_no_sense_is_refused(box: Box) -> None:
    for order in ({"kind": "nonsense"}, {"kind": "rest-drop", "colour": "red"}):
        assert box.http.post(f"{box.url}/sandbox/faults", json=order).status_code == 400
    assert box.inspect("faults")["faults"] == []


def test_the_wire_log_shows_requests_and_hides_secrets(box: Box) -> None:
    since = max([e["n"] for e in box.inspect("wire")["entries"]], default=0)
    box.dial("vc_log", "102")
    until(lambda: len(box.application.to("/status")) == 3)
    entries = box.inspect(f"wire?since={since}")["entries"]
    assert [e["kind"] for e in entries[:2]] == ["rest", "webhook"]

    def attempts() -> object:
        now = box.inspect(f"wire?since={since}")["entries"]
        return next(e for e in now if e["kind"] == "webhook")["attempts"]

    until(lambda: attempts() == [{"status": 204, "failure": ""}])
    assert "Signature" not in str(entries) and "token-one" not in str(entries)
