"""Voice dialing permissions: into which countries the account may call."""

from __future__ import annotations

from aiohttp import web

from sandbox.rest.core import Json, exchange, not_found

PREFIX = "/v1/DialingPermissions/Countries"
# The countries that there are here, with their calling codes.
CODES = {
    **dict.fromkeys(("US", "CA"), "+1"),
    **{"ZA": "+27", "GR": "+30", "NL": "+31", "BE": "+32", "FR": "+33", "ES": "+34", "HU": "+36"},
    **{"IT": "+39", "RO": "+40", "CH": "+41", "AT": "+43", "GB": "+44", "DK": "+45", "SE": "+46"},
    **{"NO": "+47", "PL": "+48", "DE": "+49", "MX": "+52", "BR": "+55", "AU": "+61", "NZ": "+64"},
    **{"JP": "+81", "IN": "+91", "PT": "+351", "IE": "+353", "FI": "+358", "CZ": "+420"},
}


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
