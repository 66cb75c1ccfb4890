"""Devices, the meter, and a token's renewal: in Chromium with pretend devices and real sound."""

import json
import os
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from calls.models import CallLog
from tenants.fence.context import tenant_transaction
from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.browsers import CHROME_OPTIONS
from voip_crm.tests.test_flow import (
    contact_leg,
    dial,
    expect_status,
    harness_wait,
    person,  # noqa: F401  # fixtures
    phone,  # noqa: F401
    sign_in,
    top_row,
)

pytestmark = pytest.mark.allow_console(r"status of 409")
NUMBER = "+14155550100"
# Every microphone that was ever opened, and the senders of every connection.
WATCH = """
window.tracks = [];
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.tracks.push(...stream.getTracks());
  return stream;
};
"""
# Before the deferred scripts read it; a document that is intercepted may not use the sandbox.
EARLY = """
document.addEventListener("readystatechange", () => {
  const place = document.getElementById("phone-options");
  const options = JSON.parse(place.textContent);
  place.textContent = JSON.stringify({...options, tokenRefreshMs: 6000});
}, {once: true});
"""
OPEN = "window.tracks.filter(track => track.readyState === 'live').length"
IN_USE = """window.connections.filter(c => c.connectionState !== 'closed')
  .flatMap(c => c.getSenders()).map(s => s.track?.label)"""


@pytest.fixture
def watched(phone: Page) -> Page:  # noqa: F811  # the fixture
    phone.add_init_script(WATCH)
    phone.reload()
    return phone


def microphone(page: Page) -> Any:
    return page.get_by_label("Microphone", exact=True)


def level(page: Page) -> float:
    return float(page.locator("#sound_level").evaluate("meter => meter.value"))


def test_the_meter_moves_and_lets_the_microphone_go(watched: Page) -> None:
    watched.locator("#readiness summary").click()
    watched.get_by_role("button", name="Test microphone and speaker").click()
    levels = [0.0]

    def loudest() -> float:
        levels.append(level(watched))
        return max(levels)

    # Chromium's pretend microphone beeps once a second.
    harness_wait(watched, lambda: loudest() > 0.1)
    harness_wait(watched, lambda: level(watched) < max(levels) / 2)
    assert watched.evaluate(OPEN) == 1
    names = microphone(watched).locator("option").all_text_contents()
    assert names[0] == "System default" and len(names) >= 3
    watched.get_by_role("button", name="Close sound").click()
    harness_wait(watched, lambda: watched.evaluate(OPEN) == 0)
    assert level(watched) == 0


def test_the_microphone_is_changed_in_a_call_and_the_sound_goes_on(
    watched: Page, site: harness.Site
) -> None:
    dial(watched, NUMBER)
    expect_status(watched, "In call")
    leg = contact_leg(site, NUMBER)
    harness_wait(watched, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)
    before = watched.evaluate(IN_USE)
    watched.get_by_role("button", name="Sound", exact=True).click()
    harness_wait(watched, lambda: level(watched) > 0.05)
    harness_wait(watched, lambda: microphone(watched).locator("option").count() >= 3)
    names = microphone(watched).locator("option").all_text_contents()
    other = next(name for name in names[1:] if name not in before)
    microphone(watched).select_option(label=other)
    harness_wait(watched, lambda: other in watched.evaluate(IN_USE))
    watched.wait_for_timeout(1500)  # what was under way from the microphone before has passed
    harness_wait(watched, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)
    expect_status(watched, "In call")
    speaker = watched.get_by_label("Speaker", exact=True)
    speaker.select_option(index=speaker.locator("option").count() - 1)
    watched.keyboard.press("Escape")

    # It is remembered, and nothing holds the microphone after the call.
    watched.get_by_role("button", name="End call").click()
    expect_status(watched, "Call ended")
    harness_wait(watched, lambda: watched.evaluate(OPEN) == 0)
    watched.reload()
    dial(watched, NUMBER)
    expect_status(watched, "In call")
    assert watched.evaluate(IN_USE) == [other]
    watched.get_by_role("button", name="End call").click()
    expect_status(watched, "Call ended")


def test_a_microphone_unplugged_in_a_call_is_replaced_and_said(
    watched: Page, site: harness.Site
) -> None:
    dial(watched, NUMBER)
    expect_status(watched, "In call")
    leg = contact_leg(site, NUMBER)
    watched.get_by_role("button", name="Sound", exact=True).click()
    harness_wait(watched, lambda: microphone(watched).locator("option").count() >= 3)
    microphone(watched).select_option(index=2)
    used = microphone(watched).locator("option").nth(2).inner_text()
    harness_wait(watched, lambda: used in watched.evaluate(IN_USE))
    watched.keyboard.press("Escape")
    watched.evaluate(
        """async used => {
          const { mediaDevices } = navigator;
          const ask = mediaDevices.enumerateDevices.bind(mediaDevices);
          const kept = async () => (await ask()).filter(d => d.kind !== 'audioinput'
            || (d.label !== used && d.deviceId !== 'default'));
          mediaDevices.enumerateDevices = kept;
          mediaDevices.dispatchEvent(new Event('devicechange'));
        }""",
        used,
    )
    notice = watched.locator("#toasts [data-toast]").filter(has_text="was unplugged")
    expect(notice).to_contain_text("Now using")
    harness_wait(watched, lambda: used not in watched.evaluate(IN_USE))
    watched.wait_for_timeout(1500)
    harness_wait(watched, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)
    watched.get_by_role("button", name="End call").click()
    expect_status(watched, "Call ended")
    harness_wait(watched, lambda: watched.evaluate(OPEN) == 0)


def test_a_token_is_renewed_in_a_call_and_the_sound_goes_on(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    """Genuine tokens of ten seconds, renewed six seconds before they end."""
    given: list[str] = []

    def short_lived(route: Route) -> None:
        answer = route.fetch()
        token = AccessToken(
            settings.TWILIO_ACCOUNT_SID,
            settings.TWILIO_API_KEY_SID,
            settings.TWILIO_API_KEY_SECRET,
            identity=answer.json()["identity"],
            ttl=10,
        )
        token.add_grant(VoiceGrant(outgoing_application_sid=settings.TWILIO_TWIML_APP_SID))
        given.append(str(token.to_jwt()))
        route.fulfill(response=answer, body=json.dumps(answer.json() | {"token": given[-1]}))

    phone.route("**/api/twilio/access-token", short_lived)
    phone.add_init_script(EARLY)
    phone.reload()
    since = max((entry["n"] for entry in site.sandbox.wire()), default=0)
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    leg = contact_leg(site, NUMBER)
    phone.wait_for_timeout(11_000)  # two lives
    phone.unroute_all(behavior="ignoreErrors")
    listens = [
        entry
        for entry in site.sandbox.wire(since)
        if entry["kind"] == "signal-in" and entry["type"] == "listen"
    ]
    # Each was given to the SDK, and accepted: the one before would have run out by now.
    assert len(given) >= 3
    assert len(listens) >= 3
    assert site.sandbox.heard(leg)["rms_last_second"] > 100
    expect_status(phone, "In call")
    expect(phone.locator("#toasts [data-tone=danger]")).to_have_count(0)
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.allow_console("(?i)websocket|31005|31000|53001|TwilioError|transportClose")
def test_a_lost_signal_is_said_in_the_panel_and_passes(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    site.sandbox.fault("signalling-refuse", times=3)
    where = phone.locator("#call_where")
    where.evaluate(
        "place => { window.said = []; new MutationObserver(() => said.push(place.textContent))"
        ".observe(place, {childList: true, characterData: true, subtree: true}); }"
    )
    site.sandbox._ask("POST", "/sandbox/signalling/drop")
    harness_wait(phone, lambda: "Signal lost, reconnecting" in phone.evaluate("said"))
    expect(where).to_have_text("")
    expect_status(phone, "In call")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.allow_console("(?i)53405|TwilioError|ice")
def test_sound_that_comes_no_more_is_told_in_the_story_of_the_call(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    """The page lives, and says so; of one that is gone there would be no word."""
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    assert site.sandbox.cut_media() == 1
    expect(phone.locator("#call_where")).to_have_text("Signal lost, reconnecting")
    expect_status(phone, "In call")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    top_row(phone).get_by_role("link").first.click()
    expect(phone.get_by_text("Bob’s network lost the sound")).to_be_visible()


def test_bad_sound_is_told_once_in_a_call(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    for name in ("high-rtt", "low-mos", "high-rtt"):
        phone.evaluate(
            "name => document.body.dispatchEvent("
            "new CustomEvent('phone:quality', {detail: {name}, bubbles: true}))",
            name,
        )
    expect(
        phone.locator("#toasts [data-toast]").filter(has_text="connection is weak")
    ).to_have_count(1)
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


def test_nobody_is_rung_over_a_network_without_sound(
    browser: Any, site: harness.Site, committed_cast: Any
) -> None:
    """A browser that may not use UDP connects to the room and hears nothing of it."""
    blocked = [*CHROME_OPTIONS, "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"]
    chromium = browser.browser_type.launch(executable_path=os.environ["CHROME_BIN"], args=blocked)
    try:
        context = chromium.new_context(base_url=site.url, permissions=["microphone"])
        page = context.new_page()
        sign_in(page, "bob@acme.example", company.PASSWORD)
        unused = "+14155560177"  # the sandbox remembers the calls of earlier tests
        dial(page, unused)
        expect(page.get_by_text("Your network blocks the sound of calls.").first).to_be_visible(
            timeout=30_000
        )
        assert not [call for call in site.sandbox.state()["calls"] if call["to"] == unused]
        with tenant_transaction(committed_cast.acme.pk):
            assert not CallLog.objects.exists()
        # The test of the connection says the same.
        page.locator("#readiness summary").click()
        page.get_by_role("button", name="Test the connection").click()
        tested = page.locator("[data-phone-tested]")
        expect(tested).to_contain_text("Connection blocked by a firewall")
    finally:
        chromium.close()
