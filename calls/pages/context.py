"""What every page needs to know of its workspace and its phone."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

# The names by which the Voice SDK asks for its sounds, and the files that we made for them.
_SOUNDS = ("incoming", "outgoing", "disconnect", *(f"dtmf{key}" for key in "0123456789sh"))


def phone(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, `member`, and `phone`: the options that the shim hands to the Voice SDK."""
    member = getattr(request, "member", None)
    options: dict[str, Any] = {
        "sounds": {name: static(f"sounds/{name}.wav") for name in _SOUNDS},
    }
    host = settings.TWILIO_SANDBOX_URL.partition("://")[2]
    if host:
        options |= {"chunderw": host, "publishEvents": False}
    return {
        "workspace": member.tenant if member else None,
        "member": {"name": str(member.user), "email": member.user.email, "role": member.role}
        if member
        else None,
        "phone": {"sandbox": bool(host), "signalling_host": host, "options": options},
    }
