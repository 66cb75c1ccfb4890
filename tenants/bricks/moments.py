"""Times in the words that people read, and what a page that stays open says of them later."""

import math
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

# As many days as a page can see begin: it lives no longer than its session, and that a week.
DAYS_AHEAD = settings.SESSION_LONGEST_SECONDS // 86400 + 1


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A time as people in `zone` say it: `Today 14:05`, `Mon 14:05`, `3 Nov 14:05`."""
    local = at.astimezone(zone)
    return _said(local, f"{local:%H:%M}", now.astimezone(zone).date())


def later(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """What `moment` says instead once other days have begun, for a page that stays open (days.js):
    `2026-11-30=Yesterday 14:05;2026-12-01=Sun 14:05`, or "".
    """
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    said, changes = _said(local, clock, today), []
    for day in _following(today):
        if (then := _said(local, clock, day)) != said:
            changes.append(f"{day}={then}")
            said = then
    return ";".join(changes)


def _said(local: datetime, clock: str, today: date) -> str:
    days = (today - local.date()).days
    if days == 0:
        return f"Today {clock}"
    if days == 1:
        return f"Yesterday {clock}"
    if 1 < days < 7:
        return f"{local:%a} {clock}"
    if local.year == today.year:
        return f"{local.day} {local:%b} {clock}"
    return f"{local.day} {local:%b %Y}"


def next_days(zone: ZoneInfo, now: datetime) -> dict[str, int]:
    """The days ahead, and the seconds from `now` until each has begun in `zone`. A day is as long
    as the zone's clocks make it.
    """
    return {
        str(day): math.ceil(datetime.combine(day, time(), zone).timestamp() - now.timestamp())
        for day in _following(now.astimezone(zone).date())
    }


def _following(today: date) -> list[date]:
    return [today + timedelta(days=number) for number in range(1, DAYS_AHEAD + 1)]
