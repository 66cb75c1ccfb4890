"""When pages that say "Today" are out of date."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from tenants.bricks import moments

# Clocks that change at midnight, change by half an hour, or once left out a day.
ZONES = ["UTC", "America/Los_Angeles", "America/Santiago", "Asia/Beirut", "America/Havana"]
ZONES += ["Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu"]


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    now=st.datetimes(datetime(2011, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
)
@example(zone=ZoneInfo("Pacific/Apia"), now=datetime(2011, 12, 28, 23, tzinfo=UTC))
@example(zone=ZoneInfo("America/Santiago"), now=datetime(2026, 9, 5, 12, tzinfo=UTC))
def test_a_call_of_now_is_of_today_until_the_next_day_has_begun(
    zone: ZoneInfo, now: datetime
) -> None:
    def said(after: float) -> str:
        return moments.moment(now, zone, now + timedelta(seconds=after)).split()[0]

    waits = list(moments.next_days(zone, now).values())
    assert waits == sorted(waits) and waits[0] > 0
    assert said(waits[0] - 1) == "Today"
    assert said(waits[0]) != "Today"
    assert said(waits[1] - 1) == said(waits[0])
    assert said(waits[2]) not in ("Today", "Yesterday")


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    now=st.datetimes(datetime(2011, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    age=st.timedeltas(timedelta(0), timedelta(10)),
)
@example(
    zone=ZoneInfo("Pacific/Apia"), now=datetime(2011, 12, 28, 23, tzinfo=UTC), age=timedelta(0)
)
@example(zone=ZoneInfo("UTC"), now=datetime(2026, 12, 31, 12, tzinfo=UTC), age=timedelta(9))
def test_what_a_page_will_say_later_is_what_the_server_says_then(
    zone: ZoneInfo, now: datetime, age: timedelta
) -> None:
    at = now - age
    later = dict(part.split("=") for part in moments.later(at, zone, now).split(";") if part)
    page_says = moments.moment(at, zone, now)
    for day, wait in moments.next_days(zone, now).items():
        page_says = later.get(day, page_says)
        then = now + timedelta(seconds=wait)
        if str(then.astimezone(zone).date()) == day:  # not one that the zone left out
            assert page_says == moments.moment(at, zone, then)


def test_a_day_of_changing_clocks_has_its_own_length() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    noon = datetime(2026, 10, 31, 12, tzinfo=zone)
    days = list(moments.next_days(zone, noon).items())
    assert days[:2] == [("2026-11-01", 12 * 3600), ("2026-11-02", (12 + 25) * 3600)]


def test_every_page_says_when_its_workspaces_next_days_begin(cast: Any, signed_in: Any) -> None:
    page = signed_in(cast.bob).get("/contacts").content.decode()
    days = page.partition('data-next-days="')[2].partition('"')[0].split(";")
    assert len(days) == 8  # a session lives for a week
    day, seconds = days[0].split("=")
    midnight = datetime.now(UTC) + timedelta(seconds=int(seconds))
    assert cast.acme.time_zone == "UTC"
    assert abs(datetime.fromisoformat(f"{day}T00:00Z") - midnight) < timedelta(minutes=1)
