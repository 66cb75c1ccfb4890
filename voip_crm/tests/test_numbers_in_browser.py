"""An admin finds, buys and releases a number in the browser; the doctor and a caller agree."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests import harness
from voip_crm.tests.test_pages_in_browser import LOOKS, WIDE, assert_accessible, sign_in

embedded = pytest.mark.parametrize("site", ["embedded"], indirect=True)


def looked_at(page: Page, name: str) -> None:
    """Accessible, wide and narrow, light and dark; with pictures where SCREENSHOTS says."""
    assert_accessible(page)
    if folder := os.environ.get("SCREENSHOTS"):
        for width, scheme in [*LOOKS, (1280, "dark"), (390, "light")]:
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
            picture = Path(folder) / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=picture, full_page=True, caret="initial")
        page.set_viewport_size(WIDE["viewport"])  # type: ignore[arg-type]  # a width and a height
        page.emulate_media(color_scheme="light")


@embedded
@pytest.mark.allow_console("422")
def test_a_number_is_found_bought_called_and_released(site: harness.Site, open_page: Any) -> None:
    page = open_page(**WIDE)
    sign_in(page)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Numbers", exact=True).click()
    expect(page.get_by_role("heading", name="Your numbers")).to_be_visible()
    expect(page.get_by_text("Callers reach this workspace.")).to_be_visible()
    looked_at(page, "list")
    page.get_by_role("link", name="Find a number").click()
    page.get_by_label("Contains").fill("5")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Enter 2 to 14 digits or letters.")).to_be_visible()
    looked_at(page, "search-wrong")
    page.get_by_label("Contains").fill("01")
    page.get_by_label("Area code").fill("415")
    page.get_by_label("Area code").press("Enter")
    expect(page.get_by_text("San Francisco, CA").first).to_be_visible()
    looked_at(page, "search")
    page.get_by_role("link", name="Buy (415) 555-0107").click()
    expect(page.get_by_role("heading", name="Buy (415) 555-0107?")).to_be_visible()
    looked_at(page, "buy")
    page.get_by_label("Label").fill("Sales")
    page.get_by_role("button", name="Buy number").dblclick()
    held = page.get_by_role("listitem").filter(has_text="(415) 555-0107")
    expect(held).to_contain_text("Sales")
    expect(held).to_contain_text("Callers reach this workspace.")
    posts = [
        entry
        for entry in site.sandbox.wire()
        if entry["kind"] == "rest" and entry["method"] == "POST"
    ]
    assert len([e for e in posts if e["params"].get("PhoneNumber") == "+14155550107"]) == 1
    sid = site.sandbox.incoming(to="+14155550107", caller="+12125550123")["sid"]
    harness.wait_until(
        lambda: any(
            entry["kind"] == "webhook" and entry["params"].get("CallSid") == sid
            for entry in site.sandbox.wire()
        )
    )
    looked_at(page, "list-two")
    held.get_by_role("link", name="Release (415) 555-0107").click()
    page.get_by_role("button", name="Release number").click()
    expect(page.get_by_text("Type 0107 to release this number.")).to_be_visible()
    looked_at(page, "release")
    page.get_by_label("Last four digits").fill("0107")
    page.get_by_role("button", name="Release number").click()
    expect(page.get_by_role("heading", name="Your numbers")).to_be_visible()
    expect(page.get_by_text("(415) 555-0107", exact=True)).to_have_count(0)
