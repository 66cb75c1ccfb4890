"""The genuine Voice SDK in Chromium: audio in both directions."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from sandbox.media.audio import silence
from sandbox.media.files import to_wav
from sandbox.tests.application import Request, conference_twiml
from sandbox.tests.browser import CHROMIUM, access_token
from sandbox.tests.harness import Box, eventually

VENDOR = Path(__file__).parents[2] / "static" / "vendor"
SDK = VENDOR / "twilio-voice-sdk-2.18.5.min.js"

PAGE = """<!doctype html><title>SDK</title>
<script>
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(url, protocols) {
      super(String(url).replace('wss://HOST/', 'ws://HOST/'), protocols);
    }
  };
</script>
<script src="/sdk.js"></script>
<script>
  const names = ['incoming', 'outgoing', 'disconnect', 'dtmfs', 'dtmfh',
    ...[...'0123456789'].map(n => 'dtmf' + n)];
  const seen = window.seen = [];
  async function start(token) {
    const device = window.device = new Twilio.Device(token, {
      chunderw: 'HOST', publishEvents: false, logLevel: 'error',
      sounds: Object.fromEntries(names.map(n => [n, location.origin + '/sound.wav']))});
    device.on('error', e => seen.push('error ' + e.code));
    const call = window.call = await device.connect({params: {clientRequestId: 'r1'}});
    for (const name of ['ringing', 'accept', 'reconnecting', 'reconnected', 'disconnect'])
      call.on(name, () => seen.push(name));
  }
  // Root mean square of what comes in, 0..1.
  async function loudness() {
    const context = new AudioContext();
    await context.resume();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(call.getRemoteStream()).connect(analyser);
    let best = 0;
    const data = new Float32Array(analyser.fftSize);
    for (let i = 0; i < 20; i++) {
      await new Promise(done => setTimeout(done, 50));
      analyser.getFloatTimeDomainData(data);
      best = Math.max(best, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
    }
    await context.close();
    return best;
  }
</script>"""


def serve(box: Box) -> str:
    """The page's address."""
    files = {
        "/page": (PAGE.replace("HOST", f"127.0.0.1:{box.port}").encode(), "text/html"),
        "/sdk.js": (SDK.read_bytes(), "text/javascript"),
        "/sound.wav": (to_wav(silence(0.1), None), "audio/wav"),
        "/favicon.ico": (b"", "image/x-icon"),
    }

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        body, kind = files[request.path]
        reply: Any = handler
        reply.reply(200, body, kind)
        return True

    for path in files:
        box.application.behave[path] = behave
    return box.application.url + "/page"


@pytest.mark.browser
def test_the_sdk_talks_and_listens(box: Box) -> None:
    # In a thread of its own: the loop of another browser test may own this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, talk_and_listen(box)).result(90)


async def talk_and_listen(box: Box) -> None:
    box.application.twiml["/voice"] = conference_twiml(
        box.application, "vc_sdk", participantLabel="agent"
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        try:
            page = await browser.new_page()
            requested: list[str] = []
            page.on("request", lambda r: requested.append(r.url))
            await page.goto(serve(box))
            await page.evaluate("token => start(token)", access_token("agent_7"))
            await page.wait_for_function("seen.includes('accept')")
            made = await asyncio.to_thread(box.dial, "vc_sdk", "100", label="contact")
            sid = made.call_sid
            await eventually(lambda: box.status(sid) == "in-progress")

            # out: Chromium's fake microphone beeps once a second
            await eventually(
                lambda: box.inspect(f"calls/{sid}/heard")["peak"] > 2000, what="the phone hears"
            )
            # in: the pretend phone speaks
            loud = max([await page.evaluate("loudness()") for _ in range(2)])
            assert loud > 0.01, "the browser hears the phone"

            await page.evaluate("call.sendDigits('12')")
            await eventually(lambda: box.inspect(f"calls/{sid}/heard")["digits"] == "12")

            # a lost socket is resumed without a new call
            agent = box.application.to("/voice")[0].params["CallSid"]
            await asyncio.to_thread(box.command, "signalling/drop")
            await page.wait_for_function("seen.includes('reconnected')")
            assert await asyncio.to_thread(box.status, agent) == "in-progress"

            await asyncio.to_thread(box.command, f"calls/{sid}/hangup")
            await asyncio.to_thread(
                lambda: box.client.conferences("vc_sdk").participants("agent").delete()
            )
            await page.wait_for_function("seen.includes('disconnect')")
            assert await page.evaluate("seen.filter(s => s.startsWith('error'))") == []
            assert all(url.startswith("http://127.0.0.1:") for url in requested)
        finally:
            await browser.close()
