"""Conferences."""

from __future__ import annotations

from aiohttp import web

from sandbox.ids import rfc2822
from sandbox.rest.core import PREFIX, Json, account, exchange, not_found, only_filters, paged
from sandbox.rest.forms import form
from sandbox.telephony.conferences import Conference


def conference_json(c: Conference) -> Json:
    """A conference in Twilio's shape."""
    uri = f"{PREFIX}/{c.account.sid}/Conferences/{c.sid}"
    return {
        "sid": c.sid,
        "account_sid": c.account.sid,
        "friendly_name": c.name,
        "status": c.status,
        "region": c.region,
        "api_version": "2010-04-01",
        "date_created": rfc2822(c.created),
        "date_updated": rfc2822(c.updated),
        "reason_conference_ended": c.reason_ended,
        "call_sid_ending_conference": c.ended_by,
        "uri": f"{uri}.json",
        "subresource_uris": {"participants": f"{uri}/Participants.json"},
    }


def find(request: web.Request) -> Conference:
    """By SID, or by the name of a live one, inside the account."""
    key, ours = request.match_info["conference"], account(request)
    room = exchange(request)
    found = room.conferences.get(key) or room.rooms.get((ours.sid, key))
    if found is None or found.account.sid != ours.sid:
        raise not_found(request.path)
    return found


async def list_conferences(request: web.Request) -> web.Response:
    """Newest first."""
    only_filters(request, "FriendlyName", "Status")
    ours, query = account(request), request.query
    found = [
        c
        for c in reversed(exchange(request).conferences.values())
        if c.account.sid == ours.sid
        and query.get("FriendlyName", c.name) == c.name
        and query.get("Status", c.status) == c.status
    ]
    return paged(request, "conferences", found, conference_json)


async def fetch_conference(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(conference_json(find(request)))


async def update_conference(request: web.Request) -> web.Response:
    """``Status=completed`` ends it; ending an ended one changes nothing."""
    conference, fields = find(request), await form(request)
    fields.choice("Status", "", ("completed",))
    fields.finish()
    conference.end("conference-ended-via-api")
    return web.json_response(conference_json(conference))


def routes(app: web.Application) -> None:
    """Add the resource."""
    top = PREFIX + "/{account}/Conferences"
    app.router.add_get(top + ".json", list_conferences)
    app.router.add_get(top + "/{conference}.json", fetch_conference)
    app.router.add_post(top + "/{conference}.json", update_conference)
