"""AvailablePhoneNumbers: what can be bought, by country and type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiohttp import web

from sandbox.rest.core import PREFIX, ApiError, Json, account, exchange, not_found, only_filters
from sandbox.rest.numbers import capabilities, formatted
from sandbox.telephony.places import AREAS
from sandbox.telephony.stock import KINDS, NAMES, BadPattern, Kind, pattern

ABILITIES = {"VoiceEnabled": "voice", "SmsEnabled": "sms", "MmsEnabled": "mms", "FaxEnabled": "fax"}
EXCLUSIONS = {
    "ExcludeAllAddressRequired": ("any", "local", "foreign"),
    "ExcludeLocalAddressRequired": ("local",),
    "ExcludeForeignAddressRequired": ("foreign",),
}
PLACES = {"InLocality": "locality", "InRegion": "region", "InPostalCode": "postal_code"}


def offer_json(kind: Kind, number: str) -> Json:
    """A number in Twilio's shape; its place is known in America only."""
    american = kind.country in ("US", "CA") and kind.type == "Local"
    city, region, postal_code = AREAS.get(number[2:5], ("", "", "")) if american else ("", "", "")
    return {
        "friendly_name": formatted(number),
        "phone_number": number,
        "lata": None,
        "locality": city.title() or kind.locality or None,
        "rate_center": None,
        "latitude": None,
        "longitude": None,
        "region": region or None,
        "postal_code": postal_code or None,
        "iso_country": kind.country,
        "address_requirements": kind.address,
        "beta": False,
        "capabilities": {
            name.upper() if name in ("sms", "mms") else name: able
            for name, able in capabilities(kind).items()
        },
    }


def country_json(request: web.Request, iso: str) -> Json:
    """A country in Twilio's shape."""
    uri = f"{PREFIX}/{account(request).sid}/AvailablePhoneNumbers/{iso}"
    types = {"Local": "local", "TollFree": "toll_free", "Mobile": "mobile"}
    ours = [kind.type for kind in KINDS if kind.country == iso]
    return {
        "country_code": iso,
        "country": NAMES[iso],
        "uri": f"{uri}.json",
        "beta": False,
        "subresource_uris": {types[name]: f"{uri}/{name}.json" for name in ours},
    }


async def list_countries(request: web.Request) -> web.Response:
    """Where numbers can be bought."""
    only_filters(request)
    uri = f"{PREFIX}/{account(request).sid}/AvailablePhoneNumbers.json"
    return web.json_response(
        {"countries": [country_json(request, iso) for iso in NAMES], "uri": uri}
    )


async def fetch_country(request: web.Request) -> web.Response:
    """One."""
    iso = request.match_info["iso"]
    if iso not in NAMES:
        raise not_found(request.path)
    return web.json_response(country_json(request, iso))


async def list_numbers(request: web.Request) -> web.Response:
    """Those of a kind that fit; as many as PageSize, there are no further pages."""
    only_filters(request, "AreaCode", "Contains", "Beta", *ABILITIES, *EXCLUSIONS, *PLACES)
    iso, type_ = request.match_info["iso"], request.match_info["type"]
    kind = next((k for k in KINDS if (k.country, k.type) == (iso, type_)), None)
    if kind is None:
        raise not_found(request.path)
    size = request.query.get("PageSize", "50")
    limit = min(1000, int(size)) if size.isdigit() and int(size) else 50
    found = [offer for offer, _ in zip(_fitting(request, kind), range(limit), strict=False)]
    return web.json_response({"available_phone_numbers": found, "uri": request.path_qs})


def _fitting(request: web.Request, kind: Kind) -> Iterator[Json]:
    query = request.query
    area_code, contains = query.get("AreaCode", ""), query.get("Contains", "")
    if area_code and kind.country not in ("US", "CA"):
        raise ApiError(400, 21457, "AreaCode Parameter not Supported")
    if area_code and not re.fullmatch(r"[2-9]\d\d", area_code):
        raise ApiError(400, 21451, f"Invalid area code {area_code}")
    try:
        wanted = pattern(contains) if contains else None
    except BadPattern:
        raise ApiError(400, 20001, f"Contains cannot be {contains}") from None
    able = capabilities(kind)
    for name, ability in ABILITIES.items():
        if name in query and (query[name].lower() == "true") != able[ability]:
            return
    for name, excluded in EXCLUSIONS.items():
        if query.get(name, "").lower() == "true" and kind.address in excluded:
            return
    for number in exchange(request).stock.offers(kind, area_code):
        offer = offer_json(kind, number)
        if wanted is not None and not wanted.search(number):
            continue
        if all(
            (offer[field] or "").lower() == query[name].lower()
            for name, field in PLACES.items()
            if name in query
        ):
            yield offer


def routes(app: web.Application) -> None:
    """Add the resources."""
    top = PREFIX + "/{account}/AvailablePhoneNumbers"
    app.router.add_get(top + ".json", list_countries)
    app.router.add_get(top + "/{iso}.json", fetch_country)
    app.router.add_get(top + "/{iso}/{type}.json", list_numbers)
