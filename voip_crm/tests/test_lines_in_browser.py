"""Lines as an admin sets them up, with a keyboard, a microphone, and without being lost."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests.test_pages_in_browser import assert_accessible, sign_in

pytestmark = [
    pytest.mark.parametrize("site", ["embedded"], indirect=True),
    pytest.mark.allow_console("status of 422"),
]


def open_lines(page: Page) -> None:
    page.goto("/settings")
    page.get_by_role("link", name="Lines", exact=True).click()
    expect(page.get_by_role("heading", name="Lines", level=1)).to_be_visible()


def choose(page: Page, label: str, option: str) -> None:
    """By the keyboard: as many letters as name it."""
    field = page.get_by_label(label, exact=True)
    field.focus()
    page.keyboard.type(option.rstrip("…"), delay=5)
    expect(field.locator("option:checked")).to_have_text(option)


def write(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).focus()
    page.keyboard.press("Enter")


def test_a_plan_is_built_from_nothing_with_the_keyboard(page: Page) -> None:
    """Line → new menu → new group → new voicemail box, each made where it is chosen."""
    sign_in(page)
    open_lines(page)
    page.get_by_role("link", name="(415) 555-0199", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="What happens to a call")).to_be_visible()
    page.get_by_role("link", name="Edit line").press("Enter")
    monday = page.get_by_label("Monday", exact=True).input_value()
    write(page, "Greeting: text", "Good morning.")
    write(page, "Monday", "9-12, 1pm-5pm")
    choose(page, "While open, calls go to", "New menu…")
    press(page, "Save")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("New menu")
    press(page, "Save and go on")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_text("Enter a name.")).to_be_visible()
    write(page, "Name", "Reception")
    write(page, "Callers hear: text", "For the workshop, press 1.")
    choose(page, "Key 1", "New group…")
    no_key = page.get_by_label("No key pressed: calls go to", exact=True)
    no_key.select_option("“Please call later”")
    press(page, "Save and go on")
    expect(heading).to_have_text("New group")
    write(page, "Name", "Workshop")
    choose(page, "Member to add", "Bob Baker")
    press(page, "Add member")
    expect(page.get_by_role("button", name="Remove Bob Baker")).to_be_visible()
    choose(page, "No one answers: calls go to", "New voicemail box…")
    press(page, "Save and go on")
    expect(heading).to_have_text("New voicemail box")
    assert_accessible(page)
    write(page, "Name", "Workshop")
    press(page, "Save and go on")
    expect(heading).to_have_text("(415) 555-0199")
    plan = page.get_by_role("region", name="Plan")
    for said in ("Menu Reception", "Group Workshop", "Voicemail Workshop", "“Good morning.”"):
        expect(plan.get_by_text(said).first).to_be_visible()
    expect(page.get_by_text("Mon 9:00–12:00, 13:00–17:00").first).to_be_visible()
    assert_accessible(page)
    # Other tests call this line, on a Monday evening, too.
    page.get_by_role("link", name="Edit line").press("Enter")
    write(page, "Greeting: text", "")
    write(page, "Monday", monday)
    choose(page, "While open, calls go to", "Group Everyone")
    press(page, "Save")
    expect(plan.get_by_text("Group Everyone").first).to_be_visible()
    expect(page.get_by_text("Always open").first).to_be_visible()


def test_what_happens_at_a_moment_is_asked_and_a_line_is_closed_and_opened(page: Page) -> None:
    sign_in(page)
    open_lines(page)
    page.get_by_role("link", name="Close (415) 555-0199").click()
    story = page.get_by_role("region", name="What happens to a call")
    story.get_by_label("Day").fill("2026-12-06")
    story.get_by_label("Time").fill("10:00")
    story.get_by_role("button", name="Show").click()
    expect(story.get_by_text("Sunday 10:00 in Los Angeles")).to_be_visible()
    page.get_by_role("button", name="For an hour").click()
    expect(page.get_by_text("(415) 555-0199 is closed.")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Open again").click()
    expect(page.get_by_role("button", name="For an hour")).to_be_visible()


def test_a_sound_is_recorded_heard_and_chosen(page: Page) -> None:
    sign_in(page)
    open_lines(page)
    page.get_by_role("link", name="New sound").click()
    page.get_by_label("Name").fill("Hello from here")
    page.get_by_role("button", name="Record", exact=True).click()
    level = page.get_by_role("meter", name="Microphone level")
    page.wait_for_function("meter => meter.value > 0.02", arg=level.element_handle())
    expect(page.get_by_text("0:02")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    preview = page.get_by_label("Your recording")
    expect(preview).to_be_visible()
    page.wait_for_function("audio => audio.duration > 1.5", arg=preview.element_handle())
    assert_accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Hello from here").click()
    expect(page.locator("#main audio")).to_be_visible()
    heard: dict[str, Any] = page.evaluate(
        """async () => {
          const answer = await fetch(document.querySelector("#main audio").src);
          const data = await answer.arrayBuffer();
          const bytes = data.byteLength; // decoding takes it away
          const sound = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(data);
          const samples = sound.getChannelData(0);
          const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
          return { seconds: sound.duration, loudest, bytes };
        }"""
    )
    assert heard["seconds"] > 1.5 and heard["loudest"] > 0.01
    assert abs(heard["bytes"] - 44 - heard["seconds"] * 32000) < 10, "16 kHz, mono, 16 bits"
    assert_accessible(page)


def test_every_page_of_lines_is_accessible(page: Page) -> None:
    sign_in(page)
    open_lines(page)
    assert_accessible(page)
    page.get_by_role("link", name="(415) 555-0199", exact=True).click()
    expect(page.get_by_role("region", name="Plan")).to_be_visible()
    page.get_by_role("link", name="Edit line").click()
    expect(page.get_by_label("Monday")).to_be_visible()
    page.get_by_role("button", name="Add closed days").click()
    expect(page.get_by_role("button", name="Remove closed days 2")).to_be_visible()
    page.get_by_label("Tuesday").fill("whenever")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Tuesday")).to_be_focused()
    assert_accessible(page)
    for name in ("Sales", "Main", "Front desk"):
        page.goto("/settings/lines")
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        assert_accessible(page)
