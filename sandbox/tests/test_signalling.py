"""The Voice SDK's signalling, message by message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from sandbox.tests.application import conference_twiml
from sandbox.tests.browser import Browser, access_token
from sandbox.tests.harness import APP, Box, eventually


@pytest.mark.parametrize(
    ("token", "code"),
    [
        # Made in the test: the suite may be collected longer before it than a token lives.
        (lambda: access_token(secret="another-secret-that-is-long-enough-too"), 31204),
        (lambda: access_token(sub="AC" + "9" * 32), 31204),
        (lambda: access_token(exp=int(time.time()) - 5), 31205),
        (lambda: access_token(nbf=int(time.time()) + 7200, exp=int(time.time()) + 9000), 31204),
        (lambda: access_token(exp=int(time.time()) + 100_000), 31207),
        (lambda: access_token(grants={"identity": "x"}), 31201),
        (lambda: "nonsense", 31204),
    ],
)
async def test_a_token_that_is_not_accepted(box: Box, token: Callable[[], str], code: int) -> None:
    async with Browser(box) as agent:
        await agent.listen(token())
        assert (await agent.wait("error"))["error"]["code"] == code
        await agent.invite()
        assert (await agent.wait("hangup"))["error"]["code"] == 31204


async def test_listen_and_register(box: Box) -> None:
    async with Browser(box) as agent:
        await agent.listen()
        token = (await agent.wait("connected"))["token"]
        assert token["identity"] == "agent_1" and 590 <= token["ttl"] <= 600
        await agent.send("register", media={"audio": True})
        await agent.wait("ready")
        await agent.send("register", media={"audio": False})
        await agent.wait("offline")


async def test_an_application_that_is_not_there(box: Box) -> None:
    async with Browser(box) as agent:
        await agent.listen(access_token(app=APP[:-1] + "9"))
        await agent.wait("connected")
        await agent.invite()
        hangup = await agent.wait("hangup")
        assert (hangup["callsid"], hangup["error"]["code"]) == ("TJSabc", 31002)


async def test_hanging_up_ends_the_call_and_tells_the_application(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_s")
    async with Browser(box) as agent:
        await agent.call(To="+15550009100", note="Zoë & Co = 5+5")
        asked = box.application.to("/voice")[0].params
        assert asked["note"] == "Zoë & Co = 5+5"
        assert asked["ApplicationSid"] == APP
        assert asked["Direction"] == "inbound" and asked["CallStatus"] == "ringing"
        await agent.send("hangup", callsid=agent.call_sid)
        told = await eventually(lambda: box.application.to("/app-status"))
        assert told[0].params["CallStatus"] == "completed"
        assert told[0].params["CallSid"] == agent.call_sid
        await eventually(lambda: "conference-end" in box.application.events("/conference"))


async def test_the_application_hangs_up(box: Box) -> None:
    # A second between: the words alone are over before a slow machine has connected. (One at the
    # beginning waits before the answer.)
    words = '<Say>Well,</Say><Pause length="1"/><Say>bye</Say>'
    box.application.twiml["/voice"] = f"<Response>{words}</Response>"
    async with Browser(box) as agent:
        await agent.call()
        assert (await agent.wait("hangup"))["callsid"] == agent.call_sid
        assert agent.ear.report()["seconds"] > 0


async def test_an_application_that_is_down_is_heard(box: Box) -> None:
    box.application.behave["/voice"] = lambda handler, request: (
        handler.reply(500, b"", "text/plain") or True  # type: ignore[attr-defined]
    )
    async with Browser(box) as agent:
        await agent.call()
        await agent.wait("hangup", 12)
        assert agent.ear.report()["rms"] > 100
        assert await asyncio.to_thread(box.status, agent.call_sid) == "failed"
        assert len(box.application.to("/voice")) == 3, "its fragment asks for two retries"


async def test_digits_reach_the_far_side(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_d")
    async with Browser(box) as agent:
        await agent.call()
        made = await asyncio.to_thread(box.dial, "vc_d", "100")
        await eventually(lambda: box.status(made.call_sid) == "in-progress")
        await agent.send("dtmf", callsid=agent.call_sid, dtmf="12w#")
        await eventually(lambda: box.inspect(f"calls/{made.call_sid}/heard")["digits"] == "12w#")


async def test_a_lost_socket_is_resumed(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_r")
    async with Browser(box, hertz=600) as agent:
        await agent.call()
        await agent.socket.close()
        await agent.connect()
        await agent.listen()
        await agent.wait("connected")
        await agent.send("invite", callsid=agent.call_sid, reconnect=agent.reconnect, sdp="")
        answer = await agent.wait("answer")
        assert answer["callsid"] == agent.call_sid
        assert await asyncio.to_thread(box.status, agent.call_sid) == "in-progress"
        assert len(box.application.to("/voice")) == 1, "a resume is never a new call"


async def test_a_socket_that_does_not_come_back_ends_the_call(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.signalling.pstream.RESUME_SECONDS", 0.2)
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_l")
    async with Browser(box) as agent:
        await agent.call()
        await agent.socket.close()
        await eventually(lambda: box.status(agent.call_sid) == "completed")


async def test_early_media_lets_the_agent_hear_ringing(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_e")
    async with Browser(box) as agent:
        await agent.call()
        await eventually(lambda: agent.ear.report()["seconds"] > 0.2)
        assert agent.ear.report()["silent"]
        await asyncio.to_thread(box.dial, "vc_e", "103")
        await eventually(lambda: 430 < agent.ear.report()["dominant_hz"] < 490)


async def test_no_early_media_no_ringing(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_n")
    async with Browser(box) as agent:
        await agent.call()
        made = await asyncio.to_thread(lambda: box.dial("vc_n", "103", early_media=False))
        await eventually(lambda: box.status(made.call_sid) == "ringing")
        await asyncio.sleep(0.4)
        assert agent.ear.report()["silent"]


async def test_a_token_expires_on_an_open_socket(box: Box) -> None:
    async with Browser(box) as agent:
        await agent.listen(access_token(exp=int(time.time()) + 5))
        assert (await agent.wait("connected"))["token"]["ttl"] <= 5
        assert (await agent.wait("error"))["error"]["code"] == 31205
        await agent.listen()
        await agent.wait("connected")
