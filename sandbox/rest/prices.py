"""What numbers cost in a month, by country. The amounts are invented."""

from __future__ import annotations

from aiohttp import web

from sandbox.rest.core import Json, not_found
from sandbox.telephony.stock import KINDS, NAMES

PREFIX = "/v1/PhoneNumbers/Countries"
# As Twilio's price list names the types.
TYPES = {
    "Local": ("local", "1.15"),
    "Mobile": ("mobile", "4.50"),
    "TollFree": ("toll free", "2.15"),
}


def country_json(iso: str) -> Json:
    """A country in Twilio's shape."""
    prices = [TYPES[kind.type] for kind in KINDS if kind.country == iso]
    return {
        "country": NAMES[iso],
        "iso_country": iso,
        "phone_number_prices": [
            {"number_type": name, "base_price": price, "current_price": price}
            for name, price in prices
        ],
        "price_unit": "USD",
        "url": f"https://pricing.twilio.com{PREFIX}/{iso}",
    }


async def fetch_country(request: web.Request) -> web.Response:
    """One, by its ISO code."""
    iso = request.match_info["iso"]
    if iso not in NAMES:
        raise not_found(request.path)
    return web.json_response(country_json(iso))


def routes(app: web.Application) -> None:
    """Add the resource."""
    app.router.add_get(PREFIX + "/{iso}", fetch_country)
