"""Pages that stay open into a new day of their workspace: none goes on saying "Today"."""

import io
import uuid
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

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
NEW_CALLS = 3


def noon_zone() -> str:
    """Where it is now about noon, so that what is six hours old is of today."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+}"  # these have their signs the other way round


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
    calls = add_calls(cast, FIRST_PAGE + 1, at)
    with tenant_transaction(cast.acme.pk):
        Recording.objects.create(
            call=calls[-1],
            sid=f"RE{uuid.uuid4().hex}",
            account_sid="AC",
            state="stored",
            path=path.name,
            size=path.stat().st_size,
        )
        StoppedCall.objects.create(
            user=cast.alice.user, rule="rate_cap", hour=at, last_at=at, message="Too many."
        )
    cast.last_call = calls[-1]
    return cast


def add_calls(cast: Any, count: int, at: datetime) -> list[CallLog]:
    with tenant_transaction(cast.acme.pk):
        return [
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
            for age in range(count)
        ]


def wait_for_day(pages: list[Page], day: str) -> None:
    """Until every time of the pages that has a clock begins with this word."""
    for page in pages:
        times = page.locator("#main time[data-later]")
        expect(times.filter(has_not_text=day)).to_have_count(0)
        assert times.count()


@pytest.mark.allow_console("ERR_INTERNET_DISCONNECTED|htmx:error|Failed to fetch")
def test_open_pages_follow_their_workspaces_midnight_and_disturb_nobody(
    page: Page, site: Any, past: Any
) -> None:
    Tenant.objects.filter(pk=past.acme.pk).update(time_zone=noon_zone())
    context = page.context
    context.clock.install()
    sign_in(page, "alice@acme.example", company.PASSWORD)
    page.get_by_role("link", name="Show more").click()
    rows = page.locator("#history_rows > tr")
    expect(rows).to_have_count(FIRST_PAGE + 1)
    short, call, limits, contact = (context.new_page() for _ in range(4))
    short.goto("/calls")
    call.goto(f"/calls/{past.last_call.pk}")
    limits.goto("/settings/calling-limits")
    contact.goto(f"/contacts/{past.acme_maria.pk}")
    contact.get_by_role("link", name="Show more").click()
    expect(contact.locator("#history_rows > tr")).to_have_count(FIRST_PAGE + 1)
    pages = [page, short, call, limits, contact]

    # Some calls more push as many rows beyond what news fetches.
    add_calls(past, NEW_CALLS, datetime.now(UTC) - timedelta(hours=5))
    long = FIRST_PAGE + 1 + NEW_CALLS  # of whoever has asked for more
    for each, count in ((page, long), (short, FIRST_PAGE), (contact, long)):
        each.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync'))")
        expect(each.locator("#history_rows > tr")).to_have_count(count)
        expect(each.locator("#history_total")).to_have_text(f"{long} calls")
    wait_for_day(pages, "Today")

    # Alice listens, has typed something, and stands on the oldest call.
    rows.last.get_by_role("button", name="Play recording").click()
    harness.wait_until(
        lambda: page.evaluate(
            """() => {
              const audio = document.querySelector('audio');
              return audio.currentTime > 0.2 && audio.buffered.end(0) > 50;
            }"""
        )
    )
    page.get_by_role("combobox", name="Search contacts or enter a number").fill("+1415")
    limits.get_by_label("Calls per minute", exact=True).fill("3")
    who = rows.last.get_by_role("link", name="Maria")
    who.focus()
    page.evaluate("window.before = [document.querySelector('audio'), scrollY]")

    # The lid was closed: no timer ran, and the pages are looked at again, even without a network.
    context.set_offline(True)
    for each in pages:
        each.clock.set_system_time(datetime.now() + timedelta(hours=13))
        each.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_day(pages, "Yesterday")
    expect(who).to_be_focused()
    expect(page.get_by_role("combobox", name="Search contacts")).to_have_value("+1415")
    expect(limits.get_by_label("Calls per minute", exact=True)).to_have_value("3")
    assert page.evaluate(
        """() => {
          const [audio, at] = window.before;
          return audio === document.querySelector('audio') && !audio.paused && scrollY === at;
        }"""
    )
    expect(rows).to_have_count(FIRST_PAGE + 1 + NEW_CALLS)

    # The day after begins by the timer alone.
    context.clock.fast_forward("24:00:00")
    local = past.last_call.started_at.astimezone(ZoneInfo(noon_zone()))
    wait_for_day(pages, f"{local:%a}")
