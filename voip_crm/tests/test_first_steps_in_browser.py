"""The first steps in Chromium: ticked by what the browser knows, gone after the first call."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_flow import dial, expect_status, panel, sign_in
from voip_crm.tests.test_pages_in_browser import assert_accessible


def test_the_browser_ticks_the_microphone_and_the_call_ends_them(
    open_page: Callable[..., Page], committed_cast: Any, site: harness.Site
) -> None:
    page = open_page()
    sign_in(page, "bob@acme.example", company.PASSWORD)
    steps = page.get_by_role("region", name="First steps")
    microphone = steps.get_by_role("listitem").filter(has_text="Your microphone")
    expect(microphone.get_by_text("Done:")).to_be_visible()
    assert_accessible(page)
    steps.get_by_role("link", name="Enter a number").click()
    expect(page.get_by_role("combobox", name="Search contacts or enter a number")).to_be_focused()
    dial(page, "+14155550100")
    expect_status(page, "In call")
    expect(steps).to_have_count(0)
    panel(page).get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")
    page.reload()
    expect(page.get_by_role("region", name="Call history")).to_be_visible()
    expect(page.locator("#first_steps")).to_have_count(0)


def test_they_are_closed_without_losing_what_is_typed(
    open_page: Callable[..., Page], committed_cast: Any, site: harness.Site
) -> None:
    page = open_page()
    sign_in(page, "alice@acme.example", company.PASSWORD)
    field = page.get_by_role("combobox", name="Search contacts or enter a number")
    field.fill("+14155550100")
    page.get_by_role("button", name="Dismiss the first steps").click()
    expect(page.locator("#first_steps")).to_have_count(0)
    expect(field).to_have_value("+14155550100")
    page.reload()
    expect(page.get_by_role("region", name="Call history")).to_be_visible()
    expect(page.locator("#first_steps")).to_have_count(0)
