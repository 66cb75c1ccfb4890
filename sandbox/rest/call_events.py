"""What was asked of the application about a call, and how it answered: Events of Calls."""

from __future__ import annotations

import re

from aiohttp import web

from sandbox.ids import now, rfc2822
from sandbox.rest.calls import find
from sandbox.rest.core import PREFIX, Json, exchange, only_filters, paged
from sandbox.wire.webhooks import Made


def event_json(made: Made) -> Json:
    """In Twilio's shape: the parameters' names in snake_case, times RFC 2822, milliseconds."""
    return {
        "request": {
            "method": made.method,
            "url": made.url,
            "parameters": {_snake(name): value for name, value in made.params.items()},
        },
        "response": {
            "content_type": made.answer.content_type or None,
            "date_created": rfc2822(made.at),
            "request_duration": made.milliseconds,
            "response_body": made.answer.body.decode("utf-8", "replace"),
            "response_code": made.answer.status or None,
        },
    }


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


async def list_events(request: web.Request) -> web.Response:
    """Oldest first; nothing until some time after the call's end."""
    only_filters(request)
    call, room = find(request), exchange(request)
    is_ready = (
        call.ended_at is not None
        and (now() - call.ended_at).total_seconds() >= room.config.events_seconds
    )
    return paged(request, "events", room.webhooks.made[call.sid] if is_ready else [], event_json)


def routes(app: web.Application) -> None:
    """Add the resource."""
    app.router.add_get(PREFIX + "/{account}/Calls/{call}/Events.json", list_events)
