"""The main job in a newcomer's Firefox, which is not driven by Playwright (firefox.py)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aioice.ice import get_host_addresses

from voip_crm import demo
from voip_crm.tests import firefox, harness
from voip_crm.tests.firefox import ENTER, TAB, Firefox
from voip_crm.tests.test_flow import EARS, HEARD, contact_leg

pytestmark = pytest.mark.browser
NUMBER = "+14155550100"
STATUS = """() => document.querySelector("#call_panel [role=status]")?.textContent.trim()"""
# How long what is played is. A machine without a loudspeaker comes no further with it.
MEDIA, METADATA = "() => window.media", "loadedmetadata"
LISTENING = """
window.media = [];
for (const name of ["loadstart", "loadedmetadata", "stalled", "abort", "error"]) {
  document.addEventListener(name, ({ target, type }) => {
    if (target.matches("audio")) window.media.push([type, target.duration, target.error?.message]);
  }, true);
}
"""


@pytest.fixture
def agent(embedded_site: harness.Site, tmp_path: Path) -> Iterator[Firefox]:
    """Bob's calls page of `./run`."""
    program = os.environ.get("FIREFOX_BIN")
    if not program:  # ./test installs one where it can
        pytest.skip("There is no Firefox here")
    # It gathers no loopback. Where a machine has nothing else, the rest is tried all the same.
    alone = {"media.peerconnection.ice.loopback": not get_host_addresses(True, False)}
    with firefox.running(program, tmp_path / "profile", **alone) as agent:
        agent.before_each_page(EARS + LISTENING)
        agent.go(f"{embedded_site.url}/sign-in")
        agent.type("textbox", "Email", f"bob@acme.example{TAB}{demo.PASSWORD}{ENTER}")
        agent.find("heading", "Calls")
        yield agent


def test_an_agent_calls_hears_is_heard_ends_and_plays(
    agent: Firefox, embedded_site: harness.Site
) -> None:
    sandbox = embedded_site.sandbox
    sandbox.fault("ring-on", match=NUMBER)
    agent.type("combobox", "Search contacts or enter a number", NUMBER)
    agent.click("button", "Call")
    harness.wait_until(lambda: agent.run(STATUS) == "Ringing")
    leg = contact_leg(embedded_site, NUMBER)
    sandbox.answer(leg)
    harness.wait_until(lambda: agent.run(STATUS) == "In call")
    harness.wait_until(lambda: sandbox.heard(leg)["rms"] > 200)
    # Without a way for the sound it gives up after four seconds: 400 frames are eight.
    harness.wait_until(lambda: agent.run(HEARD)["packets"] > 400)
    assert agent.run(HEARD)["energy"] > 0.001
    assert agent.run(STATUS) == "In call"
    agent.click("button", "End call")
    harness.wait_until(lambda: agent.run(STATUS) == "Call ended")
    agent.click("button", "Play recording")
    try:
        harness.wait_until(
            lambda: [d for name, d, _ in agent.run(MEDIA) if name == METADATA and d > 5]
        )
    except AssertionError:
        log = embedded_site.processes.log("runlocal")
        pytest.fail(f"Nothing was loaded: {agent.run(MEDIA)}\n{log}")
    assert agent.said == []
