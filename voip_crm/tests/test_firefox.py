"""The main jobs in a newcomer's Firefox, which is not driven by Playwright (firefox.py). Unlike
Chromium's engine without a window, it hides a tab behind another and shows notifications.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aioice.ice import get_host_addresses

from voip_crm import demo
from voip_crm.tests import firefox, harness
from voip_crm.tests.firefox import ENTER, TAB, Firefox
from voip_crm.tests.test_flow import EARS, HEARD, contact_leg

pytestmark = pytest.mark.browser
NUMBER = "+14155550100"  # Maria's
OURS = demo.NUMBERS["acme"][0][0]
STATUS = """() => document.querySelector("#call_panel [role=status]")?.textContent.trim()"""
# Of the call that is just over; the demo's have theirs already.
FETCHED = "() => !!document.querySelector('#history_rows > tr:first-child [data-play]')"
# How long what is played is. A machine without a loudspeaker comes no further with it.
MEDIA, METADATA = "() => window.media", "loadedmetadata"
NOTIFIED = """async () => {
  const [found] = await navigator.serviceWorker.getRegistrations();
  return (await found?.getNotifications() ?? []).map(({ title, body }) => [title, body]);
}"""
# Whether this browser shows any on this machine.
SHOWS = """async () => {
  const [found] = await navigator.serviceWorker.getRegistrations();
  await found.showNotification("One", { tag: "one" });
  const shown = await found.getNotifications({ tag: "one" });
  for (const one of shown) one.close();
  return shown.length > 0;
}"""
TITLE = "() => document.title"
# What the page knows of calls that ring, and what it has asked for, when and how long.
KNOWN = """() => JSON.stringify({
  title: document.title,
  incoming: document.getElementById("incoming").innerText,
  availability: { ...document.getElementById("availability").dataset },
  panel: document.getElementById("active_call").innerText,
  asked: performance.getEntriesByType("resource").slice(-20).map(
    ({ name, startTime, duration }) => [name, Math.round(startTime), Math.round(duration)]
  ),
  now: Math.round(performance.now()),
})"""
AVAILABILITY = """() => {
  const { dataset, textContent } = document.getElementById("availability");
  return [dataset.state, textContent.includes("even in the background")];
}"""
SEEN = """() => performance.getEntriesByType("resource").some(
  ({ name, responseEnd }) => name.endsWith("/calls/seen") && responseEnd > 0
)"""
LISTENING = """
window.media = [];
for (const name of ["loadstart", "loadedmetadata", "stalled", "abort", "error"]) {
  document.addEventListener(name, ({ target, type }) => {
    if (target.matches("audio")) window.media.push([type, target.duration, target.error?.message]);
  }, true);
}
"""


@pytest.fixture(scope="module")
def agent(
    embedded_site: harness.Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firefox]:
    """Bob's calls page of `./run`."""
    program = os.environ.get("FIREFOX_BIN")
    if not program:  # ./test installs one where it can
        pytest.skip("There is no Firefox here")
    # It gathers no loopback. Where a machine has nothing else, the rest is tried all the same.
    alone = {"media.peerconnection.ice.loopback": not get_host_addresses(True, False)}
    with firefox.running(program, tmp_path_factory.mktemp("firefox") / "profile", **alone) as agent:
        agent.before_each_page(EARS + LISTENING)
        agent.go(f"{embedded_site.url}/sign-in")
        agent.type("textbox", "Email", f"bob@acme.example{TAB}{demo.PASSWORD}{ENTER}")
        agent.find("heading", "Calls")
        yield agent


@contextmanager
def told(site: harness.Site, why: Callable[[], str]) -> Iterator[None]:
    """What is not within its time is told of with what the page knew, and what `./run` said."""
    try:
        yield
    except AssertionError:
        pytest.fail(f"{why()}\n{site.processes.log('runlocal')}")


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
    harness.wait_until(lambda: agent.run(FETCHED))
    agent.click("button", "Play recording")
    with told(embedded_site, lambda: f"Nothing was loaded: {agent.run(MEDIA)}"):
        harness.wait_until(
            lambda: [d for name, d, _ in agent.run(MEDIA) if name == METADATA and d > 5]
        )
    assert agent.said == []


def choose(agent: Firefox, availability: str) -> None:
    """With the keyboard, as a select takes it."""
    agent.run("() => document.getElementById('availability_pick').focus()")
    agent.press(availability[:2].title())
    harness.wait_until(lambda: agent.run(AVAILABILITY)[0] == availability)


def test_a_hidden_tab_rings_on_and_is_told_of_on_the_desktop(
    agent: Firefox, embedded_site: harness.Site
) -> None:
    sandbox = embedded_site.sandbox
    choose(agent, "available")
    harness.wait_until(lambda: agent.run(AVAILABILITY)[1])
    harness.wait_until(lambda: agent.run(SEEN))  # nobody is rung before the server knows of a page
    harness.wait_until(sandbox.is_idle)  # … and while it has not heard that their last call is over
    try:
        with agent.hidden():
            harness.wait_until(lambda: agent.run("() => document.visibilityState") == "hidden")
            call = sandbox.incoming(to=OURS, caller=NUMBER)["sid"]

            def why() -> str:
                """What the page knew, and what the caller has heard."""
                return f"Nothing rings: {agent.run(KNOWN)}\n{sandbox.call(call)}"

            with told(embedded_site, why):
                harness.wait_until(lambda: agent.run(TITLE) == "Incoming: Maria Gonzalez")
            shown = [["Incoming: Maria Gonzalez", "Sunrise Foods · (415) 555-0100"]]
            shows = agent.run(SHOWS)
            harness.wait_until(lambda: not shows or agent.run(NOTIFIED) == shown)
            time.sleep(2.5)  # what no page confirms ends after two seconds
            assert agent.run(TITLE) == "Incoming: Maria Gonzalez"
            sandbox.hangup(call)
            harness.wait_until(lambda: agent.run(NOTIFIED) == [])
            assert not agent.run(TITLE).startswith("Incoming")
    finally:
        choose(agent, "away")
    assert agent.said == []
