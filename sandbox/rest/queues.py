"""Queues and their Members."""

from __future__ import annotations

from aiohttp import web

from sandbox.ids import now, rfc2822
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
from sandbox.telephony.queues import DEFAULT_SIZE, LARGEST_SIZE, Member, Queue
from sandbox.twiml import running
from sandbox.twiml.session import Step


def queue_json(q: Queue) -> Json:
    """A queue in Twilio's shape."""
    uri = f"{PREFIX}/{q.account.sid}/Queues/{q.sid}"
    return {
        "sid": q.sid,
        "account_sid": q.account.sid,
        "friendly_name": q.name,
        "current_size": len(q.members),
        "max_size": q.max_size,
        "average_wait_time": q.average_wait,
        "date_created": rfc2822(q.created),
        "date_updated": rfc2822(q.updated),
        "uri": f"{uri}.json",
        "subresource_uris": {"members": f"{uri}/Members.json"},
    }


def member_json(m: Member) -> Json:
    """A member in Twilio's shape."""
    queue = m.queue
    uri = f"{PREFIX}/{queue.account.sid}/Queues/{queue.sid}/Members/{m.sid}.json"
    return {
        "queue_sid": queue.sid,
        "call_sid": m.sid,
        "date_enqueued": rfc2822(m.since),
        "position": m.position,
        "wait_time": m.seconds,
        "uri": uri,
    }


def find(request: web.Request) -> Queue:
    """By SID, inside the account."""
    found = exchange(request).queues.all.get(request.match_info["queue"])
    if found is None or found.account.sid != account(request).sid:
        raise not_found(request.path)
    return found


def _name(request: web.Request, fields: Form, own: Queue | None = None) -> str:
    name = fields.text("FriendlyName", own.name if own else "")
    if not 1 <= len(name) <= 64:
        raise ApiError(400, 20001, "FriendlyName must have 1 to 64 characters")
    if any(other is not own for other in exchange(request).queues.of(account(request), name)):
        raise ApiError(400, 20001, f"A queue named {name} exists")
    return name


async def list_queues(request: web.Request) -> web.Response:
    """Of the account."""
    only_filters(request)
    return paged(request, "queues", exchange(request).queues.of(account(request)), queue_json)


async def create_queue(request: web.Request) -> web.Response:
    """An empty one; <Enqueue> makes them by itself, too."""
    fields = await form(request)
    name, size = _name(request, fields), fields.number("MaxSize", DEFAULT_SIZE, 1, LARGEST_SIZE)
    fields.finish()
    made = exchange(request).queues.add(account(request), name, size)
    return web.json_response(queue_json(made), status=201)


async def fetch_queue(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(queue_json(find(request)))


async def update_queue(request: web.Request) -> web.Response:
    """Change its name or how many may wait; whoever waits stays."""
    queue, fields = find(request), await form(request)
    name = _name(request, fields, queue)
    size = fields.number("MaxSize", queue.max_size, 1, LARGEST_SIZE)
    fields.finish()
    queue.name, queue.max_size, queue.updated = name, size, now()
    return web.json_response(queue_json(queue))


async def delete_queue(request: web.Request) -> web.Response:
    """Only an empty one."""
    queue = find(request)
    if queue.members:
        raise ApiError(400, 20001, "Only an empty queue can be deleted")
    del exchange(request).queues.all[queue.sid]
    return web.Response(status=204)


async def list_members(request: web.Request) -> web.Response:
    """In order."""
    only_filters(request)
    return paged(request, "queue_members", find(request).members, member_json)


def find_member(request: web.Request) -> Member:
    """By the call's SID or ``Front``. The call of one who has left is told apart from others."""
    queue, key = find(request), request.match_info["member"]
    found = queue.find(key)
    if found is None:
        if request.method == "POST" and key in queue.gone:
            raise ApiError(400, 20001, f"Call {key} is no longer in the queue")
        raise not_found(request.path)
    return found


async def fetch_member(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(member_json(find_member(request)))


async def dequeue(request: web.Request) -> web.Response:
    """Out of the queue, to the TwiML of ``Url``."""
    member, fields = find_member(request), await form(request)
    url, method = fields.url("Url", 21205), fields.method("Method")
    fields.finish()
    if not url:
        raise ApiError(400, 21205, "Url is needed")
    shown = member_json(member)
    running.start(exchange(request), member.call, Step(url, method))
    return web.json_response(shown)


def routes(app: web.Application) -> None:
    """Add the resources."""
    top = PREFIX + "/{account}/Queues"
    app.router.add_get(top + ".json", list_queues)
    app.router.add_post(top + ".json", create_queue)
    app.router.add_get(top + "/{queue}.json", fetch_queue)
    app.router.add_post(top + "/{queue}.json", update_queue)
    app.router.add_delete(top + "/{queue}.json", delete_queue)
    app.router.add_get(top + "/{queue}/Members.json", list_members)
    app.router.add_get(top + "/{queue}/Members/{member}.json", fetch_member)
    app.router.add_post(top + "/{queue}/Members/{member}.json", dequeue)
