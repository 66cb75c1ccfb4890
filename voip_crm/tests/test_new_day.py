"""Pages that stay open into a new day of their workspace: none goes on saying "Today"."""

import io
import uuid
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from calls.models import CallLog, Recording, StoppedCall
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_flow import sign_in

FIRST_PAGE = 25


def noon_and_night() -> tuple[str, str]:
    """Time zones where it is now about noon, and about three at night: what is six hours old is of
    today in the first and of yesterday in the second, so that a move from one to the other is a
    midnight for the server, whose clock we leave alone.
    """
    hour = datetime.now(UTC).hour
    noon, night = 12 - hour, (3 - hour + 12) % 24 - 12
    return f"Etc/GMT{-noon:+}", f"Etc/GMT{-night:+}"  # these have their signs the other way round


@pytest.fixture
def past(committed_cast: Any) -> Any:
    """One call more than fits on a page, six hours old; the last one has a recording. And a call
    that was stopped then.
    """
    cast = committed_cast
    at = datetime.now(UTC) - timedelta(hours=6)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * 60))
    path = Path(settings.RECORDINGS_DIR, "new-day.wav")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound.getvalue())
    with tenant_transaction(cast.acme.pk):
        calls = [
            CallLog.objects.create(
                direction="OUTBOUND",
                from_number="+14155550199",
                to_number="+14155550100",
                contact=cast.acme_maria,
                status="completed",
                outcome="completed",
                started_at=at - timedelta(seconds=age),
                ended_at=at,
            )
            for age in range(FIRST_PAGE + 1)
        ]
        Recording.objects.create(
            call=calls[-1],
            sid=f"RE{uuid.uuid4().hex}",
            account_sid="AC",
            state="stored",
            path=path.name,
        )
        StoppedCall.objects.create(
            user=cast.alice.user, rule="rate_cap", hour=at, last_at=at, message="Too many."
        )
    cast.last_call = calls[-1]
    return cast


def days_said(page: Page) -> set[str]:
    """The first words of the page's times."""
    texts = page.locator("#main time:visible").all_inner_texts()
    return {word for text in texts if (word := text.split()[0]) in ("Today", "Yesterday")}


def wait_for_day(pages: list[Page], day: str) -> None:
    for page in pages:
        stale = page.locator("#main time").filter(
            has_text="Today" if day == "Yesterday" else "Yesterday"
        )
        expect(stale).to_have_count(0)
        assert days_said(page) == {day}


@pytest.mark.allow_console("ERR_INTERNET_DISCONNECTED|htmx:error|Failed to fetch")
def test_open_pages_follow_their_workspaces_midnight_and_disturb_nobody(
    page: Page, site: Any, past: Any
) -> None:
    noon, night = noon_and_night()

    def move(zone: str) -> None:
        Tenant.objects.filter(pk=past.acme.pk).update(time_zone=zone)

    move(noon)
    context = page.context
    context.clock.install()
    sign_in(page, "alice@acme.example", company.PASSWORD)
    page.get_by_role("link", name="Show more").click()
    rows = page.locator("#history_rows > tr")
    expect(rows).to_have_count(FIRST_PAGE + 1)
    call, limits, contact = (context.new_page() for _ in range(3))
    call.goto(f"/calls/{past.last_call.pk}")
    limits.goto("/settings/calling-limits")
    contact.goto(f"/contacts/{past.acme_maria.pk}")
    contact.get_by_role("link", name="Show more").click()
    expect(contact.locator("#history_rows > tr")).to_have_count(FIRST_PAGE + 1)
    pages = [page, call, limits, contact]
    wait_for_day(pages, "Today")

    # Alice listens, has typed something, and stands on the oldest call.
    rows.last.get_by_role("button", name="Play recording").click()
    harness.wait_until(lambda: page.evaluate("document.querySelector('audio').currentTime > 0.2"))
    page.get_by_role("combobox", name="Search contacts or enter a number").fill("+1415")
    limits.get_by_label("Calls begun in a minute", exact=True).fill("3")
    who = rows.last.get_by_role("link", name="Maria")
    who.focus()
    page.evaluate("window.before = [document.querySelector('audio'), scrollY]")

    # The lid was closed: no timer ran, and the page is looked at again.
    move(night)
    for each in pages:
        each.clock.set_system_time(datetime.now() + timedelta(hours=13))
        each.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_day(pages, "Yesterday")
    expect(who).to_be_focused()
    expect(page.get_by_role("combobox", name="Search contacts")).to_have_value("+1415")
    expect(limits.get_by_label("Calls begun in a minute", exact=True)).to_have_value("3")
    assert page.evaluate(
        """() => {
          const [audio, at] = window.before;
          return audio === document.querySelector('audio') && !audio.paused && scrollY === at;
        }"""
    )
    expect(rows).to_have_count(FIRST_PAGE + 1)

    # The day after begins by the timer alone, but without a network: asked again until it is there.
    context.set_offline(True)
    context.clock.fast_forward("24:00:00")
    move(noon)
    context.set_offline(False)
    context.clock.fast_forward("01:01")
    wait_for_day(pages, "Today")
