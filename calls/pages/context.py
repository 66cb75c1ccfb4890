"""What every page needs to know of its workspace and its phone."""

from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone

from tenants.bricks import moments, places
from tenants.bricks.http import wants_main

# The names by which the Voice SDK asks for its sounds, and the files that we made for them.
_SOUNDS = ("incoming", "outgoing", "disconnect", *(f"dtmf{key}" for key in "0123456789sh"))


def phone(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, its `zone_name`, `member`, `layout` (base.html), `next_days` (days.js), and
    `phone`: the options that the shim hands to the Voice SDK.
    """
    member = getattr(request, "member", None)
    options: dict[str, Any] = {"sounds": _sounds()}
    host = settings.TWILIO_SANDBOX_URL.partition("://")[2]
    if host:
        options |= {"chunderw": host, "publishEvents": False}
    return {
        "workspace": member.tenant if member else None,
        "zone_name": partial(places.zone_name, member.tenant.time_zone) if member else "",
        # Only the shell asks for it, not the parts that each piece of news fetches.
        "next_days": partial(_next_days, member.tenant.time_zone) if member else "",
        "member": {"name": str(member.user), "email": member.user.email, "role": member.role}
        if member
        else None,
        "layout": "main.html" if wants_main(request) else "layout.html",
        "phone": {"sandbox": bool(host), "signalling_host": host, "options": options},
    }


@cache
def _sounds() -> dict[str, str]:
    return {name: static(f"sounds/{name}.wav") for name in _SOUNDS}


def _next_days(time_zone: str) -> str:
    days = moments.next_days(ZoneInfo(time_zone), timezone.now())
    return ";".join(f"{day}={seconds}" for day, seconds in days.items())
