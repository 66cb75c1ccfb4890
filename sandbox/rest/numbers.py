"""IncomingPhoneNumbers: the account's own, bought and released."""

from __future__ import annotations

import re

from aiohttp import web

from sandbox.config import Account, Number
from sandbox.ids import new_sid, rfc2822
from sandbox.rest.addresses import change
from sandbox.rest.core import (
    PREFIX,
    ApiError,
    Json,
    account,
    exchange,
    not_found,
    only_filters,
    paged,
)
from sandbox.rest.forms import Form, form
from sandbox.telephony.places import CANADIAN, E164
from sandbox.telephony.stock import KINDS, TOLL_FREE_AREAS, Kind, Stock, kind_of


def capabilities(kind: Kind | None) -> dict[str, bool]:
    """What a number can do; those of the configuration that are of no kind only speak."""
    sms, mms = (kind.sms, kind.mms) if kind else (False, False)
    return {"voice": True, "sms": sms, "mms": mms, "fax": False}


def formatted(number: str) -> str:
    """``(415) 555-0123`` for an American one, others as they are."""
    american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return "({}) {}-{}".format(*american.groups()) if american else number


def _name(n: Number) -> str:
    return n.friendly_name or formatted(n.phone_number)


def number_json(ours: Account, n: Number) -> Json:
    """A phone number in Twilio's shape."""
    kind = kind_of(n.phone_number)
    return {
        "sid": n.sid,
        "account_sid": ours.sid,
        "api_version": "2010-04-01",
        "friendly_name": _name(n),
        "phone_number": n.phone_number,
        "capabilities": capabilities(kind),
        "address_requirements": kind.address if kind else "none",
        "address_sid": n.address_sid or None,
        "bundle_sid": n.bundle_sid or None,
        "beta": False,
        "origin": "twilio",
        "voice_url": n.voice_url,
        "voice_method": n.voice_method,
        "voice_fallback_url": n.voice_fallback_url,
        "voice_fallback_method": n.voice_fallback_method,
        "voice_application_sid": n.voice_application_sid or None,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "status_callback": n.status_callback,
        "status_callback_method": n.status_callback_method,
        "status": "in-use",
        "date_created": rfc2822(n.date_created),
        "date_updated": rfc2822(n.date_created),
        "uri": f"{PREFIX}/{ours.sid}/IncomingPhoneNumbers/{n.sid}.json",
    }


async def list_numbers(request: web.Request) -> web.Response:
    """All, or those of a part of a PhoneNumber, in which ``*`` stands for any digit."""
    only_filters(request, "PhoneNumber", "FriendlyName", "Origin", "Beta")
    ours, query = account(request), request.query
    asked = re.escape(query.get("PhoneNumber", "")).replace(r"\*", r"\d")
    found = [
        n
        for n in ours.numbers.values()
        if re.search(asked, n.phone_number)
        and query.get("FriendlyName", n.friendly_name)
        in (n.friendly_name, formatted(n.phone_number))
        and query.get("Origin", "twilio") == "twilio"
    ]
    key = "incoming_phone_numbers"
    return paged(request, key, found, lambda n: number_json(ours, n))


def find(request: web.Request) -> Number:
    """By SID."""
    found = account(request).numbers.get(request.match_info["number"])
    if found is None:
        raise not_found(request.path)
    return found


async def fetch_number(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(number_json(account(request), find(request)))


def _change(ours: Account, number: Number, fields: Form) -> None:
    application = fields.text("VoiceApplicationSid", number.voice_application_sid)
    if application and application not in ours.applications:
        raise ApiError(400, 21420, f"ApplicationSid {application} is not accessible")
    change(number, fields)
    number.voice_application_sid = application


async def update_number(request: web.Request) -> web.Response:
    """Change its addresses or its application."""
    ours, found, fields = account(request), find(request), await form(request)
    _change(ours, found, fields)
    return web.json_response(number_json(ours, found))


async def create_number(request: web.Request) -> web.Response:
    """Buy a number of the stock, by PhoneNumber or the first of an American AreaCode."""
    ours, fields, stock = account(request), await form(request), exchange(request).stock
    phone_number, area_code = fields.text("PhoneNumber"), fields.text("AreaCode")
    if bool(phone_number) == bool(area_code):
        raise ApiError(400, 21421, "Either PhoneNumber or AreaCode is needed")
    phone_number = phone_number or _of_area(stock, area_code)
    if not E164.fullmatch(phone_number):
        raise ApiError(400, 21421, f"{phone_number} is not a valid number")
    kind = stock.sells(phone_number, ours)
    if kind is None:
        raise ApiError(400, 21422, f"{phone_number} is not available")
    made = Number(
        new_sid("PN"),
        phone_number,
        address_sid=fields.text("AddressSid"),
        bundle_sid=fields.text("BundleSid"),
    )
    _check_documents(ours, kind, made)
    _change(ours, made, fields)
    stock.take(phone_number)
    ours.numbers[made.sid] = made
    return web.json_response(number_json(ours, made), status=201)


def _of_area(stock: Stock, area_code: str) -> str:
    if not re.fullmatch(r"[2-9]\d\d", area_code):
        raise ApiError(400, 21451, f"{area_code} is not a North American area code")
    type_ = "TollFree" if area_code in TOLL_FREE_AREAS else "Local"
    country = "CA" if area_code in CANADIAN else "US"
    kind = next(k for k in KINDS if (k.country, k.type) == (country, type_))
    found = next(stock.offers(kind, area_code), None)
    if found is None:
        raise ApiError(400, 21452, f"No phone numbers found in area code {area_code}")
    return found


def _check_documents(ours: Account, kind: Kind, number: Number) -> None:
    """What the regulation of its country asks for."""
    if kind.bundle and number.bundle_sid not in ours.bundles:
        raise ApiError(400, 21649, "Phone Number Requires a Bundle")
    if kind.bundle and ours.bundles[number.bundle_sid] != kind.country:
        raise ApiError(400, 21651, "Document does not satisfy regulatory requirement")
    if kind.address != "none" and number.address_sid not in ours.addresses:
        raise ApiError(400, 21631, "Phone Number Requires an Address")
    if kind.address == "local" and ours.addresses[number.address_sid] != kind.country:
        raise ApiError(400, 21615, "Phone Number Requires a Local Address")


async def delete_number(request: web.Request) -> web.Response:
    """Release it. Calls that are under way go on; nobody else can buy it for a while."""
    ours, number = account(request), find(request)
    del ours.numbers[number.sid]
    exchange(request).stock.give_back(number.phone_number, ours)
    return web.Response(status=204)


def routes(app: web.Application) -> None:
    """Add the resource."""
    top = PREFIX + "/{account}/IncomingPhoneNumbers"
    app.router.add_get(top + ".json", list_numbers)
    app.router.add_post(top + ".json", create_number)
    app.router.add_get(top + "/{number}.json", fetch_number)
    app.router.add_post(top + "/{number}.json", update_number)
    app.router.add_delete(top + "/{number}.json", delete_number)
