"""Real audio: two WebRTC legs and a pretend phone in one conference."""

from __future__ import annotations

import asyncio

from sandbox.tests.application import conference_twiml
from sandbox.tests.browser import Browser
from sandbox.tests.harness import Box, eventually
from sandbox.tests.test_twiml import ring


async def test_a_browser_and_a_phone_hear_each_other(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_a")
    async with Browser(box, hertz=700) as agent:
        await agent.call(clientRequestId="abc")
        voice = (await eventually(lambda: box.application.to("/voice")))[0]
        assert voice.params["From"] == "client:agent_1"
        assert voice.params["clientRequestId"] == "abc"
        made = await asyncio.to_thread(box.dial, "vc_a", "100", label="contact")
        await eventually(lambda: box.status(made.call_sid) == "in-progress")

        def phone_hears() -> bool:
            heard = box.inspect(f"calls/{made.call_sid}/heard")
            return bool(heard["rms_last_second"] > 1000 and 680 < heard["dominant_hz"] < 720)

        await eventually(phone_hears, what="the phone hears the browser's 700 Hz")
        await eventually(lambda: agent.ear.report()["rms_last_second"] > 300)
        await asyncio.to_thread(box.command, f"calls/{made.call_sid}/hangup")
        await eventually(lambda: box.status(made.call_sid) == "completed")


async def test_two_browsers_hear_each_other_until_one_is_muted(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(box.application, "vc_b")
    async with Browser(box, hertz=500) as one, Browser(box, hertz=1200) as two:
        await one.call(identity="agent_1")
        await two.call(identity="agent_2")
        await eventually(lambda: 480 < one.ear.report()["dominant_hz"] + 500 - 1200 < 520)
        await eventually(lambda: 480 < two.ear.report()["dominant_hz"] < 520)
        room = box.client.conferences("vc_b").participants
        await asyncio.to_thread(room(one.call_sid).update, muted=True)
        await eventually(lambda: two.ear.report()["silent"], what="mute silences")
        assert not one.ear.report()["silent"]
        await asyncio.to_thread(room(one.call_sid).update, muted=False)
        await eventually(lambda: not two.ear.report()["silent"])


async def test_a_caller_waits_and_then_hears_the_browser_that_takes_the_call(box: Box) -> None:
    application = box.application
    application.twiml["/voice"] = conference_twiml(application, "vc_c", participantLabel="agent")
    application.twiml["/bridge"] = conference_twiml(
        application, "vc_c", participantLabel="contact", endConferenceOnExit="true"
    )
    wait = '<Enqueue waitUrl="" action="/queued">q_c</Enqueue>'
    sid = await asyncio.to_thread(ring, box, wait, voice=620)
    await eventually(lambda: "queued" in box.inspect(f"calls/{sid}")["stages"])
    async with Browser(box, hertz=1100) as agent:
        await agent.call()
        await eventually(lambda: "participant-join" in application.events("/conference"))
        bridge = {"url": f"{application.url}/bridge"}
        await asyncio.to_thread(lambda: box.client.calls(sid).update(**bridge))
        await eventually(lambda: 600 < agent.ear.report()["dominant_hz"] < 640)
        await eventually(
            lambda: 1080 < box.inspect(f"calls/{sid}/heard")["dominant_hz"] < 1120,
            what="the caller hears the browser's 1100 Hz",
        )
        await asyncio.to_thread(box.command, f"calls/{sid}/hangup")
        await eventually(lambda: "conference-end" in application.events("/conference"))
    assert [r.params["QueueResult"] for r in application.to("/queued")] == ["redirected"]
