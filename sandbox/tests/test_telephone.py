"""The telephone page in Chromium: it calls and is called, with sound both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright, expect

from sandbox.tests.application import conference_twiml
from sandbox.tests.browser import CHROMIUM
from sandbox.tests.harness import OURS, Box, eventually

# Root mean square of what the page plays, 0..1.
LOUDNESS = """async () => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.getElementById("sound").srcObject).connect(analyser);
  let best = 0;
  const data = new Float32Array(analyser.fftSize);
  for (let i = 0; i < 20; i++) {
    await new Promise(done => setTimeout(done, 50));
    analyser.getFloatTimeDomainData(data);
    best = Math.max(best, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
  }
  await context.close();
  return best;
}"""


def in_browser(box: Box, work: Callable[[Box, list[Page]], Awaitable[None]], pages: int) -> None:
    async def run() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**CHROMIUM)
            try:
                opened, wrong = [], list[str]()
                for _ in range(pages):
                    page = await browser.new_page()
                    page.on("pageerror", lambda error: wrong.append(str(error)))
                    page.on("console", lambda m: wrong.extend([m.text] * (m.type == "error")))
                    await page.goto(f"{box.url}/")
                    await expect(page.get_by_role("status")).to_have_text("Ready")
                    opened.append(page)
                await work(box, opened)
                assert wrong == []
            finally:
                await browser.close()

    # In a thread of its own: the loop of another browser test may own this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result(90)


async def speaks_and_hears(box: Box, page: Page, other: str) -> None:
    """Chromium's fake microphone beeps once a second; the other one speaks."""
    await eventually(lambda: box.inspect(f"calls/{other}/heard")["peak"] > 2000)
    assert max([await page.evaluate(LOUDNESS) for _ in range(2)]) > 0.01


@pytest.mark.browser
def test_it_calls_our_number_and_presses_keys(box: Box) -> None:
    twiml = box.application.twiml
    twiml["/inbound"] = (
        f'<Response><Gather numDigits="1" action="{box.application.url}/key"/></Response>'
    )
    twiml["/key"] = conference_twiml(box.application, "vc_phone")

    async def call(box: Box, pages: list[Page]) -> None:
        (page,) = pages
        await expect(page.get_by_label("Number to call")).to_have_value(OURS)
        await page.get_by_label("Your number").fill("+1 212 555 0199")
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text("Connected")
        await eventually(lambda: box.application.to("/inbound"))
        params = box.application.to("/inbound")[0].params
        assert (params["From"], params["To"]) == ("+12125550199", OURS)
        await page.get_by_role("button", name="7", exact=True).click()
        await eventually(lambda: box.application.to("/key"))
        assert box.application.to("/key")[0].params["Digits"] == "7"
        contact = await asyncio.to_thread(box.dial, "vc_phone", "100")
        await speaks_and_hears(box, page, contact.call_sid)
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.get_by_role("status")).to_have_text("The call has ended.")
        assert await asyncio.to_thread(box.status, params["CallSid"]) == "completed"
        # Somebody whom the page does not know, and then once more.
        await page.get_by_label("Number to call").fill("+15550001001")
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text("+15550001001 is none of our numbers")
        twiml["/inbound"] = '<Response><Reject reason="busy"/></Response>'
        await page.get_by_label("Number to call").fill(OURS)
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text("The line is busy.")

    in_browser(box, call, 1)


@pytest.mark.browser
def test_every_open_one_rings_and_the_first_to_answer_has_the_call(box: Box) -> None:
    async def ring(box: Box, pages: list[Page]) -> None:
        first, second = pages
        made = await asyncio.to_thread(box.dial, "vc_ring", "199")
        for page in pages:
            await expect(page.get_by_role("region", name="Incoming call")).to_contain_text(OURS)
        await first.get_by_role("button", name="Answer").click()
        await expect(first.get_by_role("status")).to_have_text("Connected")
        await expect(second.get_by_role("region", name="Incoming call")).to_be_hidden()
        await eventually(lambda: box.status(made.call_sid) == "in-progress")
        other = await asyncio.to_thread(box.dial, "vc_ring", "100")
        await speaks_and_hears(box, first, other.call_sid)
        await asyncio.to_thread(box.command, f"calls/{made.call_sid}/hangup")
        await expect(first.get_by_role("status")).to_have_text("The call has ended.")

        declined = await asyncio.to_thread(box.dial, "vc_ring", "199")
        await second.get_by_role("button", name="Decline").click()
        await eventually(lambda: box.status(declined.call_sid) == "busy")
        await expect(first.get_by_role("region", name="Incoming call")).to_be_hidden()

        late = await asyncio.to_thread(box.dial, "vc_ring", "199", timeout=60)
        await expect(second.get_by_role("region", name="Incoming call")).to_be_visible()
        await second.reload()
        await expect(second.get_by_role("region", name="Incoming call")).to_be_visible()
        await asyncio.to_thread(lambda: box.client.calls(late.call_sid).update(status="canceled"))
        await expect(second.get_by_role("region", name="Incoming call")).to_be_hidden()

    in_browser(box, ring, 2)


def test_without_one_it_rings_until_the_caller_gives_up(box: Box) -> None:
    made = box.dial("vc_nobody", "199", timeout=1)
    asyncio.run(eventually(lambda: box.status(made.call_sid) == "no-answer"))


def test_no_other_page_may_ring_numbers(box: Box) -> None:
    async def connect(**headers: str) -> Any:
        async with aiohttp.ClientSession() as session:
            url = f"{box.url}/sandbox/telephone/line"
            async with session.ws_connect(url, headers=headers) as socket:
                return await socket.receive_json()

    for headers in ({}, {"Origin": "http://evil.example"}):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            asyncio.run(connect(**headers))
    assert asyncio.run(connect(Origin=box.url))["type"] == "hello"
