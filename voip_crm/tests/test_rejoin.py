"""An agent who loses the page in a call comes back to it; a contact is never left in silence."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests import harness
from voip_crm.tests.test_flow import (
    assert_room_above_the_panel,
    contact_leg,
    dial,
    expect_status,
    harness_wait,
    is_live,
    panel,
    person,  # noqa: F401  # fixtures
    phone,  # noqa: F401
    top_row,
)

pytestmark = pytest.mark.allow_console(r"status of 409")
NUMBER = "+14155550100"


def participants(site: harness.Site) -> list[dict[str, Any]]:
    return [
        participant
        for conference in site.sandbox.state()["conferences"]
        if conference["status"] != "completed"
        for participant in conference["participants"]
    ]


def reload_in_call(page: Page) -> None:
    """As after a crash: the browser's question whether to leave is answered with yes."""
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()


def test_a_reload_keeps_the_contact_and_one_click_brings_the_agent_back(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    leg = contact_leg(site, NUMBER)
    held: list[Any] = []
    phone.route("**/calls/active*", lambda route: held.append(route))
    reload_in_call(phone)
    # It offers no other call, already before the server has said that there is one.
    in_a_call = phone.get_by_role("button", name="In a call", exact=True)
    expect(in_a_call).to_be_disabled()
    expect(panel(phone)).to_have_count(0)
    held[-1].continue_()
    phone.unroute("**/calls/active*")
    expect_status(phone, "On hold")
    expect(in_a_call).to_be_disabled()
    assert_room_above_the_panel(phone)  # it has grown by a message
    harness_wait(phone, lambda: any(p["hold"] for p in participants(site)))
    phone.get_by_role("button", name="Rejoin").click()
    expect_status(phone, "In call")
    harness_wait(phone, lambda: not any(p["hold"] for p in participants(site)))
    # It is the same call, and both hear each other again.
    assert contact_leg(site, NUMBER) == leg
    harness_wait(phone, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)
    expect(panel(phone).get_by_role("timer")).to_have_text(re.compile(r"0:[0-5]\d"))
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    expect(phone.get_by_role("button", name="Call", exact=True)).to_be_enabled()
    expect(top_row(phone)).to_contain_text("Completed")
    harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])


def test_a_contact_whose_agent_does_not_come_back_is_let_go(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    phone.context.close()
    harness.wait_until(lambda: any(p["hold"] for p in participants(site)), 18)  # held for 20
    harness.wait_until(lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)], 40)


def test_another_page_of_the_agent_shows_the_call_and_can_end_it(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    second = phone.context.new_page()
    second.goto("/contacts")
    expect_status(second, "In call")
    second.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
    expect(second.get_by_role("region", name="Active call").get_by_role("status")).to_contain_text(
        "Call ended"
    )
    harness_wait(phone, lambda: not [c for c in site.sandbox.state()["calls"] if is_live(c)])


def test_a_second_browser_takes_the_call_over(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
    open_page: Callable[..., Page],
) -> None:
    """The first browser hangs without having told anybody."""
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    request = panel(phone).get_attribute("data-request")
    second = open_page()
    from voip_crm.tests import cast as company
    from voip_crm.tests.test_flow import sign_in

    sign_in(second, "bob@acme.example", company.PASSWORD)
    expect_status(second, "In call")
    second.evaluate(
        "detail => document.body.dispatchEvent("
        "new CustomEvent('phone:dial', {detail, bubbles: true}))",
        {"clientRequestId": request, "to": NUMBER, "contactId": None, "name": ""},
    )
    expect(phone.locator("body")).to_have_attribute("data-phone", "ended")
    expect(second.locator("body")).to_have_attribute("data-phone", "open")
    expect_status(second, "In call")
    agents = [
        c
        for c in site.sandbox.state()["calls"]
        if is_live(c) and c["from"] and "client" in c["from"]
    ]
    assert len(agents) == 1
