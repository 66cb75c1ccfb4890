"""The main job, as an agent does it: genuine SDK, real sound, both ways of running the product."""

import io
import os
import re
import wave
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from tenants.models import User
from tenants.tests import database
from voip_crm import demo
from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_pages_in_browser import sign_in as sign_in_to_demo

both = pytest.mark.parametrize("site", ["services", "embedded"], indirect=True)
# make-call answers 409 until the agent's leg is in its room; the shim asks again.
pytestmark = pytest.mark.allow_console(r"status of 409")

EARS = """
window.connections = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...options) { super(...options); window.connections.push(this); }
};
"""
HEARD = """async () => {
  let energy = 0, packets = 0, sent = 0;
  for (const connection of window.connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type === 'inbound-rtp') {
        energy += report.totalAudioEnergy ?? 0;
        packets += report.packetsReceived;
      }
      if (report.type === 'outbound-rtp') sent += report.packetsSent;
    }
  }
  return {energy, packets, sent};
}"""

CLEAR = """() => {
  scrollTo(0, document.documentElement.scrollHeight);
  const [end, panel] = ['history', 'call_panel'].map(id => document.getElementById(id));
  return end.getBoundingClientRect().bottom < panel.getBoundingClientRect().top;
}"""


@pytest.fixture
def person(request: pytest.FixtureRequest, site: harness.Site) -> tuple[str, str]:
    """(e-mail, password) of Bob, who is in a cast or in the demo."""
    if "runlocal" in site.processes.children:
        return "bob@acme.example", demo.PASSWORD
    request.getfixturevalue("committed_cast")
    return "bob@acme.example", company.PASSWORD


@pytest.fixture
def phone(open_page: Callable[..., Page], person: tuple[str, str]) -> Page:
    """Bob's calls page, on which everything moves that does for people."""
    page = open_page(reduced_motion="no-preference")
    page.add_init_script(EARS)
    sign_in(page, *person)
    return page


def sign_in(page: Page, email: str, password: str) -> None:
    """To the page of calls: of the demo, or of the cast, whose database is ours."""
    if password == demo.PASSWORD:
        sign_in_to_demo(page, email)
        return
    client = Client()
    client.force_login(User.objects.get(email=email))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    url = settings.PUBLIC_BASE_URL
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    page.goto("/calls")
    expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()


def dial(page: Page, number: str) -> None:
    page.get_by_role("combobox", name="Search contacts or enter a number").fill(number)
    page.get_by_role("button", name="Call", exact=True).click()


def panel(page: Page) -> Any:
    return page.get_by_role("region", name="Active call")


def expect_status(page: Page, text: str, seconds: float = 30) -> None:
    expect(panel(page).get_by_role("status")).to_have_text(
        re.compile(rf"^\s*{text}\s*$"), timeout=seconds * 1000
    )


def top_row(page: Page) -> Any:
    return page.get_by_role("region", name="Call history").get_by_role("row").first


def contact_leg(site: harness.Site, number: str) -> str:
    """The newest call to this number at the sandbox."""
    calls = [c for c in site.sandbox.state()["calls"] if c["to"] == number]
    return str(calls[-1]["sid"])


def loudness(audio: bytes) -> list[float]:
    """Root mean square of each channel of a WAV file of 16 bit."""
    with wave.open(io.BytesIO(audio)) as file:
        channels = file.getnchannels()
        samples = array("h", file.readframes(file.getnframes()))
    return [
        (sum(s * s for s in samples[c::channels]) / max(1, len(samples[c::channels]))) ** 0.5
        for c in range(channels)
    ]


@pytest.mark.parametrize("site", ["embedded"], indirect=True)
def test_an_extension_is_sent_once_when_somebody_answers(phone: Page, site: harness.Site) -> None:
    number = "+14155550160"
    site.sandbox.fault("ring-on", match=number)
    dial(phone, "415-555-0160 x12")
    expect_status(phone, "Ringing")
    expect(panel(phone)).to_contain_text("(415) 555-0160 x12")
    leg = contact_leg(site, number)
    site.sandbox.answer(leg)
    expect_status(phone, "In call")
    harness_wait(phone, lambda: site.sandbox.heard(leg)["digits"] == "wwww12")
    # Neither a look from elsewhere nor one from another page sends it again; the agent can.
    second = phone.context.new_page()
    second.goto("/calls")
    expect(panel(second)).to_contain_text("Extension 12")
    phone.get_by_role("link", name="Contacts").click()
    expect(phone.get_by_role("heading", name="Contacts", level=1)).to_be_visible()
    second.get_by_role("button", name="Send again").click()
    harness_wait(phone, lambda: site.sandbox.heard(leg)["digits"] == "wwww1212")
    second.close()
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@both
def test_an_agent_calls_a_contact_and_both_hear_each_other(phone: Page, site: harness.Site) -> None:
    number = "+14155550100"
    site.sandbox.fault("ring-on", match=number)
    dial(phone, "(415) 555-0100")
    expect_status(phone, "Ringing")
    expect(panel(phone)).to_contain_text("Maria")
    leg = contact_leg(site, number)
    site.sandbox.answer(leg)
    expect_status(phone, "In call")

    # The far side hears the agent's microphone, the browser hears the far side speak.
    heard = harness.wait_until(lambda: (h := site.sandbox.heard(leg))["rms"] > 200 and h)
    assert not heard["silent"]
    ears = harness_wait(phone, lambda: (e := phone.evaluate(HEARD))["energy"] > 0.001 and e)
    assert ears["packets"] > 20
    assert ears["sent"] > 20
    timer = panel(phone).get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"0:(0[2-9]|[1-5]\d)"))

    # Muted, the far side hears nothing; unmuted, it hears again.
    phone.get_by_role("button", name="Mute", exact=True).click()
    expect(phone.get_by_role("button", name="Unmute", exact=True)).to_be_visible()
    harness_wait(phone, lambda: site.sandbox.heard(leg)["rms_last_second"] < 5)
    phone.get_by_role("button", name="Unmute", exact=True).click()
    harness_wait(phone, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)

    # Digits arrive.
    phone.get_by_role("button", name="Keypad", exact=True).click()
    for digit in "12#":
        phone.get_by_role("button", name=digit, exact=True).click()
    harness_wait(phone, lambda: site.sandbox.heard(leg)["digits"] == "12#")
    phone.keyboard.press("Escape")
    # By keys alone: into the call, to its keypad, and back.
    phone.keyboard.press("d")
    expect(phone.get_by_role("button", name="Mute", exact=True)).to_be_focused()
    phone.keyboard.press("k")
    expect(phone.get_by_role("button", name="1", exact=True)).to_be_focused()
    phone.keyboard.type("5")
    harness_wait(phone, lambda: site.sandbox.heard(leg)["digits"] == "12#5")
    phone.keyboard.press("Escape")

    # Moving about does not end it.
    phone.get_by_role("link", name="Contacts").click()
    expect(phone.get_by_role("heading", name="Contacts", level=1)).to_be_visible()
    expect_status(phone, "In call")
    phone.get_by_role("link", name="Calls").click()
    expect(phone.get_by_role("heading", name="Calls", level=1)).to_be_visible()
    before = phone.evaluate(HEARD)["packets"]
    harness_wait(phone, lambda: phone.evaluate(HEARD)["packets"] > before + 20)
    expect_status(phone, "In call")
    expect(top_row(phone)).to_contain_text("In call")
    # What has been fetched meanwhile offers no other call either.
    expect(phone.get_by_role("button", name="In a call", exact=True)).to_be_disabled()
    expect(top_row(phone).get_by_role("button", name=re.compile("^Call"))).to_be_disabled()
    assert_room_above_the_panel(phone)

    phone.keyboard.press("Shift+E")
    expect_status(phone, "Call ended")
    row = top_row(phone)
    expect(row).to_contain_text("Maria")
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text(re.compile(r"0:[0-5]\d"))
    harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])

    # The recording comes by itself, has sound of both sides in it, and plays.
    play = row.get_by_role("button", name="Play recording")
    expect(play).to_be_visible()
    play.click()
    player = phone.locator("audio[src*='/recordings/']")
    expect(player).to_have_count(1)
    audio = phone.request.get(str(player.get_attribute("src"))).body()
    both_sides = loudness(audio)
    assert len(both_sides) == 2
    assert min(both_sides) > 100
    harness_wait(phone, lambda: player.evaluate("a => a.currentTime") > 0.3)
    said = [site.processes.log(name, 10**6) for name in site.processes.children]
    assert not [log for log in said if "Warning: StreamingHttpResponse" in log]
    panel(phone).get_by_role("button", name="Close").click()
    expect(panel(phone)).to_have_count(0)


def assert_room_above_the_panel(page: Page) -> None:
    """The end of the history can be scrolled clear of the panel, on a desk and on a telephone."""
    size = page.viewport_size
    assert size
    for width in (1366, 390):
        page.set_viewport_size({"width": width, "height": 768})
        harness_wait(page, lambda: page.evaluate(CLEAR))
    page.set_viewport_size(size)


def harness_wait(page: Page, what: Callable[[], Any], seconds: float = 15) -> Any:
    """Like `wait_until`, but the page's events go on meanwhile."""
    for _ in range(int(seconds * 10)):
        if answer := what():
            return answer
        page.wait_for_timeout(100)
    raise AssertionError(f"not within {seconds} s")


def is_live(call: dict[str, Any]) -> bool:
    return call["status"] in ("queued", "ringing", "in-progress")


def test_a_press_before_the_scripts_are_there_is_not_lost(phone: Page, site: harness.Site) -> None:
    def slowly(route: Any) -> None:
        phone.wait_for_timeout(1500)
        route.continue_()

    phone.route("**/htmx-*.js", slowly)
    phone.goto("/calls", wait_until="commit")
    dial(phone, "+14155550105")
    expect_status(phone, "Call ended")


ENDS = {  # what the panel says, and the history
    "+14155550102": ("Busy", "Busy"),
    "+14155550103": ("No answer", "No answer"),
    "+14155550104": ("Declined", "Declined"),
    "+14155550105": ("Call ended", "Completed"),
    "+14155550106": ("Call failed", "Failed"),
}


@both
def test_each_end_of_a_call_is_shown_as_what_it_is(phone: Page, site: harness.Site) -> None:
    for number, (says, in_history) in ENDS.items():
        dial(phone, number)  # after each end the phone is ready for the next call
        row = top_row(phone)
        expect(row).to_contain_text(number[-4:])
        expect_status(phone, says)
        expect(row).to_contain_text(in_history)
        expect(panel(phone).get_by_role("button", name="Close")).to_be_visible()
        # The agent's own leg is over too, and nothing of the call is left at Twilio.
        harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])
    dial(phone, "+14155550100")
    expect_status(phone, "In call")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.allow_console("status of 502")
def test_a_number_that_twilio_refuses_is_said_so(phone: Page, site: harness.Site) -> None:
    dial(phone, "+14155550107")
    expect_status(phone, "Call failed")
    expect(panel(phone)).to_contain_text("cannot be reached")
    expect(top_row(phone)).to_contain_text("Failed")
    harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])


@both
def test_an_agent_may_hang_up_before_anybody_answers(phone: Page, site: harness.Site) -> None:
    dial(phone, "+14155550103")
    expect_status(phone, "Ringing")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    expect(top_row(phone)).to_contain_text("Canceled")
    harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])


def test_a_double_click_is_one_call(phone: Page, site: harness.Site) -> None:
    number = "+14155550101"
    before = len([c for c in site.sandbox.state()["calls"] if c["to"] == number])
    phone.get_by_role("combobox", name="Search contacts or enter a number").fill(number)
    phone.get_by_role("button", name="Call", exact=True).dblclick()
    expect_status(phone, "In call")
    assert len([c for c in site.sandbox.state()["calls"] if c["to"] == number]) == before + 1
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.allow_console("status of 422")
def test_what_cannot_be_called_is_said_at_the_field(phone: Page, site: harness.Site) -> None:
    before = len(site.sandbox.state()["calls"])
    field = phone.get_by_role("combobox", name="Search contacts or enter a number")
    for typed, says in {
        "12": "too short",
        "nobody at all": "neither a contact nor",
        "911": "Emergency",
        "+1 900 555 0100": "Premium",
        "": "Enter a number",
    }.items():
        dial(phone, typed)
        expect(phone.get_by_role("alert")).to_contain_text(says)
        expect(field).to_have_value(typed)
        expect(panel(phone)).to_have_count(0)
    assert len(site.sandbox.state()["calls"]) == before


def test_a_contact_is_called_from_its_card_and_from_its_row(
    phone: Page, site: harness.Site
) -> None:
    phone.get_by_role("link", name="Contacts").click()
    phone.get_by_role("button", name=re.compile(r"^Call Maria")).first.click()
    expect_status(phone, "In call")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    phone.get_by_role("link", name="Calls").click()
    top_row(phone).get_by_role("button", name=re.compile(r"^Call Maria")).click()
    expect_status(phone, "In call")
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.allow_console("(?i)websocket|ERR_|31005|31000|31009|status of 503")
def test_signalling_that_is_down_is_said_and_leaves_no_call(
    phone: Page, site: harness.Site
) -> None:
    site.sandbox.fault("signalling-refuse", times=1000)
    before = len(site.sandbox.state()["calls"])
    dial(phone, "+14155550100")
    expect_status(phone, "Call failed")
    assert site.sandbox.faults()[0]["fired"] >= 1
    assert len(site.sandbox.state()["calls"]) == before
    from calls.models import CallLog

    assert not database.rows(CallLog)


@pytest.mark.allow_console("20101|AccessTokenInvalid|31204")
def test_a_refused_token_is_said(phone: Page, site: harness.Site) -> None:
    site.sandbox.fault("token-reject", times=1000)
    dial(phone, "+14155550100")
    expect_status(phone, "Call failed")
    expect(panel(phone)).to_contain_text("Reload the page")
    assert site.sandbox.faults()[0]["fired"] >= 1


@pytest.mark.allow_console("status of 503")
def test_a_lost_answer_does_not_end_a_call_that_rings(phone: Page, site: harness.Site) -> None:
    site.sandbox.fault("rest-accept-then-drop", match="/Participants")
    dial(phone, "+14155550100")
    expect_status(phone, "In call")
    assert site.sandbox.faults()[0]["fired"] == 1
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    expect(top_row(phone)).to_contain_text("Completed")


def test_unruly_callbacks_give_the_same_row(phone: Page, site: harness.Site) -> None:
    row = top_row(phone)
    rows = phone.locator("#history_rows > tr")
    for number, kind in enumerate(("webhook-duplicate", "webhook-reorder", "webhook-delay")):
        site.sandbox.clear_faults()
        site.sandbox.fault(kind, times=1000)
        dial(phone, "+14155550105")
        expect(rows).to_have_count(number + 1)
        expect_status(phone, "Call ended", 40)
        assert site.sandbox.faults()[0]["fired"] >= 4
        expect(row).to_contain_text("Completed")
        expect(row).to_contain_text(re.compile("0:0[3-9]"))


def test_a_colleagues_call_moves_the_history_and_no_stranger_sees_it(
    phone: Page, site: harness.Site, open_page: Callable[..., Page]
) -> None:
    alice, charlie = open_page(), open_page()
    sign_in(alice, "alice@acme.example", company.PASSWORD)
    sign_in(charlie, "charlie@borealis.example", company.PASSWORD)
    dial(phone, "+14155550108")
    expect_status(phone, "In call")
    expect(top_row(alice)).to_contain_text("0108")
    site.sandbox.hangup(contact_leg(site, "+14155550108"))
    expect_status(phone, "Call ended")
    expect(top_row(phone)).to_contain_text("Completed")
    expect(top_row(alice)).to_contain_text("Completed")
    assert "0108" not in charlie.content()
    charlie.reload()
    assert "0108" not in charlie.content()
    expect(panel(alice)).to_have_count(0)


def test_a_denied_microphone_is_said_before_anything_is_dialled(
    site: harness.Site, person: tuple[str, str], browser: Any
) -> None:
    from voip_crm.tests.browsers import CHROME_OPTIONS

    denying = [
        o.replace("fake-ui-for-media-stream", "fake-ui-for-media-stream=deny")
        for o in CHROME_OPTIONS
    ]
    chromium = browser.browser_type.launch(executable_path=os.environ["CHROME_BIN"], args=denying)
    try:
        page = chromium.new_context(base_url=site.url).new_page()
        sign_in(page, *person)
        before = len(site.sandbox.state()["calls"])
        dial(page, "+14155550100")
        expect_status(page, "Call failed")
        expect(panel(page)).to_contain_text("microphone")
        assert len(site.sandbox.state()["calls"]) == before
    finally:
        chromium.close()
