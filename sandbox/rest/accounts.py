"""The account, its keys and its applications."""

from __future__ import annotations

from aiohttp import web

from sandbox.config import Account, Application
from sandbox.ids import new_sid, rfc2822
from sandbox.rest.addresses import change
from sandbox.rest.core import (
    PREFIX,
    ApiError,
    Json,
    account,
    by_token,
    not_found,
    only_filters,
    paged,
)
from sandbox.rest.forms import form


def account_json(a: Account, *, with_token: bool = False) -> Json:
    """The primary auth token is shown to whoever signed in with a token."""
    return {
        "sid": a.sid,
        "owner_account_sid": a.sid,
        "friendly_name": a.friendly_name,
        "status": a.status,
        "type": a.type,
        "auth_token": a.auth_token if with_token else "",
        "date_created": rfc2822(a.date_created),
        "date_updated": rfc2822(a.date_created),
        "uri": f"{PREFIX}/{a.sid}.json",
        "subresource_uris": {},
    }


def application_json(ours: Account, a: Application) -> Json:
    """An application in Twilio's shape."""
    return {
        "sid": a.sid,
        "account_sid": ours.sid,
        "api_version": "2010-04-01",
        "friendly_name": a.friendly_name,
        "voice_url": a.voice_url,
        "voice_method": a.voice_method,
        "voice_fallback_url": a.voice_fallback_url,
        "voice_fallback_method": a.voice_fallback_method,
        "status_callback": a.status_callback,
        "status_callback_method": a.status_callback_method,
        "date_created": rfc2822(a.date_created),
        "date_updated": rfc2822(a.date_created),
        "uri": f"{PREFIX}/{ours.sid}/Applications/{a.sid}.json",
    }


async def list_accounts(request: web.Request) -> web.Response:
    """Only the one that asks."""
    return paged(request, "accounts", [account(request)], account_json)


async def fetch_account(request: web.Request) -> web.Response:
    """The account itself."""
    ours = account(request)
    return web.json_response(account_json(ours, with_token=by_token(request)))


async def fetch_key(request: web.Request) -> web.Response:
    """One API key, without its secret; no key may look at keys."""
    ours, sid = account(request), request.match_info["key"]
    if not by_token(request):
        raise ApiError(401, 20003, "Authenticate")
    if sid not in ours.api_keys:
        raise not_found(request.path)
    dates = dict.fromkeys(("date_created", "date_updated"), rfc2822(ours.date_created))
    return web.json_response({"sid": sid, "friendly_name": "", **dates})


async def list_applications(request: web.Request) -> web.Response:
    """All, or those of a FriendlyName."""
    only_filters(request, "FriendlyName")
    ours, name = account(request), request.query.get("FriendlyName")
    found = [a for a in ours.applications.values() if name in (None, a.friendly_name)]
    return paged(request, "applications", found, lambda a: application_json(ours, a))


def find_application(request: web.Request) -> Application:
    """By SID."""
    found = account(request).applications.get(request.match_info["application"])
    if found is None:
        raise not_found(request.path)
    return found


async def create_application(request: web.Request) -> web.Response:
    """A new one; kept until the process ends."""
    ours, fields = account(request), await form(request)
    made = Application(new_sid("AP"))
    change(made, fields)
    fields.finish()
    ours.applications[made.sid] = made
    return web.json_response(application_json(ours, made), status=201)


async def fetch_application(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(application_json(account(request), find_application(request)))


async def update_application(request: web.Request) -> web.Response:
    """Change its URLs."""
    found, fields = find_application(request), await form(request)
    change(found, fields)
    fields.finish()
    return web.json_response(application_json(account(request), found))


def routes(app: web.Application) -> None:
    """Add the resources."""
    top = PREFIX + "/{account}"
    app.router.add_get(PREFIX + ".json", list_accounts)
    app.router.add_get(top + ".json", fetch_account)
    app.router.add_get(top + "/Keys/{key}.json", fetch_key)
    app.router.add_get(top + "/Applications.json", list_applications)
    app.router.add_post(top + "/Applications.json", create_application)
    app.router.add_get(top + "/Applications/{application}.json", fetch_application)
    app.router.add_post(top + "/Applications/{application}.json", update_application)
