"""Voice dialing permissions: into which countries the account may call."""

from __future__ import annotations

from aiohttp import web

from sandbox.rest.core import Json, exchange, not_found
from sandbox.telephony.places import CODES

PREFIX = "/v1/DialingPermissions/Countries"


def country_json(iso: str, code: str, blocked: list[str]) -> Json:
    """A country in Twilio's shape. A blocked prefix closes every country whose code it begins."""
    allowed = not any(code.startswith(prefix) for prefix in blocked)
    return {
        "iso_code": iso,
        "name": iso,
        "continent": "",
        "country_codes": [code],
        "low_risk_numbers_enabled": allowed,
        "high_risk_special_numbers_enabled": False,
        "high_risk_tollfraud_numbers_enabled": False,
        "url": f"https://voice.twilio.com{PREFIX}/{iso}",
        "links": {},
    }


async def fetch_country(request: web.Request) -> web.Response:
    """One, by its ISO code."""
    iso = request.match_info["iso"]
    if iso not in CODES:
        raise not_found(request.path)
    blocked = exchange(request).config.geo_blocked_prefixes
    return web.json_response(country_json(iso, CODES[iso], blocked))


def routes(app: web.Application) -> None:
    """Add the resource."""
    app.router.add_get(PREFIX + "/{iso}", fetch_country)
