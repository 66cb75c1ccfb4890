"""What every page needs to know of its workspace and its phone."""

from functools import cache, partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import json_script
from django.utils.safestring import SafeString

from calls.gateway.pushes import public_key
from calls.selectors import ringing
from tenants.bricks import moments, places
from tenants.bricks.http import wants_main
from tenants.fence.context import tenant_reading
from tenants.models import Membership

# The names by which the Voice SDK asks for its sounds, and the files that we made for them.
_SOUNDS = ("incoming", "outgoing", "disconnect", *(f"dtmf{key}" for key in "0123456789sh"))


class Phone(NamedTuple):
    """`sandbox`: its address, which is that of its telephone, or ""; `options`: those that the shim
    hands to the Voice SDK, as an element of the page; `push_key`: by which a browser knows our
    pushes, "" where Web Push is switched off.
    """

    sandbox: str
    signalling_host: str
    options: SafeString
    push_key: str


def phone(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, its `zone_name`, `member`, `layout` (base.html), `next_days` (days.js), `places`
    (which links of the sidebar lead here), `phone`, and `ringing` (what rings at the member).
    """
    member = getattr(request, "member", None)
    return {
        "workspace": member.tenant if member else None,
        "zone_name": partial(places.zone_name, member.tenant.time_zone) if member else "",
        # Only the shell asks for these, not the parts that each piece of news fetches.
        "next_days": partial(_next_days, member.tenant.time_zone) if member else "",
        "ringing": partial(_ringing, member) if member else None,
        "places": partial(_places, request.path),
        "member": {
            "name": str(member.user),
            "email": member.user.email,
            "role": str(member.role),
        }
        if member
        else None,
        "layout": "main.html" if wants_main(request) else "layout.html",
        "phone": _phone(settings.TWILIO_SANDBOX_URL, public_key()),
    }


def _ringing(member: Membership) -> dict[str, Any]:
    """One statement, and a few more while something rings."""
    with tenant_reading(member.tenant_id):
        own = ringing.own(member.user_id)
        now = timezone.now()
        found = ringing.incoming(member.tenant, member.user_id, now=now) if own.rings else []
    return {"own": own, "availabilities": ringing.AVAILABILITIES, "incoming": found}


@cache
def _phone(sandbox: str, push_key: str) -> Phone:
    host = sandbox.partition("://")[2]
    options: dict[str, Any] = {"sounds": {name: static(f"sounds/{name}.wav") for name in _SOUNDS}}
    if host:
        options |= {"chunderw": host, "publishEvents": False}
    return Phone(sandbox, host, json_script(options, "phone-options"), push_key)


def _places(path: str) -> tuple[str, ...]:
    addresses = _addresses()
    return tuple(
        name
        for name, address in addresses.items()
        if (address == path if name == "account" else address in path)
    )


@cache
def _addresses() -> dict[str, str]:
    return {name: reverse(name) for name in ("contacts", "calls", "settings", "account")}


def _next_days(time_zone: str) -> str:
    days = moments.next_days(ZoneInfo(time_zone), timezone.now())
    return ";".join(f"{day}={seconds}" for day, seconds in days.items())
