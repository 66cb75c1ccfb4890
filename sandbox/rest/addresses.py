"""Addresses that applications and numbers have in common: where to ask and whom to tell."""

from __future__ import annotations

from sandbox.config import Application, Number
from sandbox.rest.core import ApiError
from sandbox.rest.forms import Form


def change(target: Application | Number, fields: Form) -> None:
    """Take what was sent. Refused as Twilio refuses it, nothing is changed then."""
    changes = {"friendly_name": fields.text("FriendlyName", target.friendly_name)}
    for name, code in (("VoiceUrl", 21402), ("VoiceFallbackUrl", 21402), ("StatusCallback", 21502)):
        if fields.has(name):
            changes[_snake(name)] = fields.url(name, code)
    for name in ("VoiceMethod", "VoiceFallbackMethod", "StatusCallbackMethod"):
        if fields.has(name):
            changes[_snake(name)] = fields.method(name, code=21403)
    fields.finish()
    after = vars(target) | changes
    if after["voice_fallback_url"] and not after["voice_url"]:
        raise ApiError(400, 21405, "Cannot set VoiceFallbackUrl without setting Url")
    for attribute, value in changes.items():
        setattr(target, attribute, value)


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
