"""Calls."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from sandbox.ids import rfc2822
from sandbox.rest import parsing
from sandbox.rest.core import (
    PREFIX,
    ApiError,
    Json,
    account,
    after_answer,
    base_url,
    exchange,
    not_found,
    only_filters,
    paged,
)
from sandbox.rest.forms import Form, form
from sandbox.rest.times import TimeFilters
from sandbox.telephony.callbacks import Callback
from sandbox.telephony.calls import TERMINAL, Call
from sandbox.twiml import running
from sandbox.twiml.session import Step

TWIML_PARAMETER_LIMIT = 4000


def call_json(c: Call) -> Json:
    """A call in Twilio's shape: durations and prices are text, times RFC 2822."""
    uri = f"{PREFIX}/{c.account.sid}/Calls/{c.sid}"
    over = c.over.is_set()
    return {
        "sid": c.sid,
        "account_sid": c.account.sid,
        "parent_call_sid": c.parent.sid if c.parent else None,
        "from": c.from_,
        "from_formatted": c.from_,
        "to": c.to,
        "to_formatted": c.to,
        "phone_number_sid": next(
            (n.sid for n in c.account.numbers.values() if n.phone_number in (c.from_, c.to)), None
        ),
        "status": c.status,
        "direction": c.direction,
        "start_time": rfc2822(c.started),
        "end_time": rfc2822(c.ended_at),
        "duration": str(c.seconds) if over else None,
        "price": None,
        "price_unit": "USD",
        "answered_by": c.answered_by,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": str(c.queue_ms),
        "trunk_sid": None,
        "date_created": rfc2822(c.created),
        "date_updated": rfc2822(c.updated),
        "uri": f"{uri}.json",
        "subresource_uris": {
            "events": f"{uri}/Events.json",
            "recordings": f"{uri}/Recordings.json",
        },
    }


def find(request: web.Request) -> Call:
    """By SID, inside the account."""
    found = exchange(request).calls.get(request.match_info["call"])
    if found is None or found.account.sid != account(request).sid:
        raise not_found(request.path)
    return found


async def list_calls(request: web.Request) -> web.Response:
    """Newest first. A call that has no start yet is in no time range."""
    times = TimeFilters(StartTime=lambda c: c.started, EndTime=lambda c: c.ended_at)
    only_filters(request, "To", "From", "Status", "ParentCallSid", *times.names)
    query, ours = request.query, account(request)
    tests: list[Callable[[Call], bool]] = [lambda c: c.account.sid == ours.sid]
    for name, get in (
        ("To", lambda c: c.to),
        ("From", lambda c: c.from_),
        ("Status", lambda c: c.status),
        ("ParentCallSid", lambda c: c.parent.sid if c.parent else ""),
    ):
        if name in query:
            tests.append(lambda c, get=get, want=query[name]: get(c) == want)  # type: ignore[misc]
    tests += times.tests(query)
    found = [c for c in reversed(exchange(request).calls.values()) if all(t(c) for t in tests)]
    return paged(request, "calls", found, call_json)


async def fetch_call(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(call_json(find(request)))


def _step(fields: Form) -> Step | None:
    url, text = fields.url("Url", 21205), fields.text("Twiml")
    if len(text) > TWIML_PARAMETER_LIMIT:
        raise ApiError(400, 20001, f"Twiml is longer than {TWIML_PARAMETER_LIMIT} characters")
    method, fallback = fields.method("Method"), fields.url("FallbackUrl")
    fallback_method = fields.method("FallbackMethod")
    if not url and not text:
        return None
    return Step(url, method, fallback=fallback, fallback_method=fallback_method, text=text)


async def create_call(request: web.Request) -> web.Response:
    """Dial a phone and run TwiML once it answers."""
    room, ours, fields = exchange(request), account(request), await form(request)
    from_, to = parsing.parties(fields, ours, room.config)
    step, callback = _step(fields), parsing.call_callback(fields)
    if app_sid := fields.text("ApplicationSid"):
        app = ours.applications.get(app_sid)
        if app is None:
            raise ApiError(400, 21218, f"Invalid ApplicationSid {app_sid}")
        step = Step.of(app)
        # With an application the StatusCallback parameters of the request are ignored.
        callback = Callback(app.status_callback, app.status_callback_method)
    if step is None:
        raise ApiError(400, 21205, "Url, Twiml or ApplicationSid is needed")
    record, dual = fields.flag("Record"), parsing.channels(fields)
    reports, track = parsing.recording_callback(fields), parsing.track(fields)
    timeout = fields.number("Timeout", 60, 1, 600)
    time_limit = fields.number("TimeLimit", 14_400, 1, 86_400)
    for name in ("CallReason", "Trim"):
        fields.text(name)  # without an effect that could be seen from outside
    fields.finish()
    call = room.add_call(
        Call(
            ours,
            room.webhooks,
            from_=from_,
            to=to,
            direction="outbound-api",
            base_url=base_url(request),
            callback=callback,
        )
    )
    call.queue_ms = room.queue_slot(ours)

    def answered() -> None:
        if record:
            room.recorder.record_call(call, "OutboundAPI", dual, reports, track)
        running.start(room, call, step)

    room.dial(call, timeout=timeout, time_limit=time_limit, on_answer=answered)
    after_answer(request, call.released.set)
    return web.json_response(call_json(call), status=201)


async def update_call(request: web.Request) -> web.Response:
    """Cancel, hang up, or run other TwiML on a live call."""
    room, call, fields = exchange(request), find(request), await form(request)
    status = fields.choice("Status", "", ("", "canceled", "completed"))
    step = _step(fields)
    if fields.has("StatusCallback"):
        call.callback = parsing.call_callback(fields)
    fields.finish()
    if call.status in TERMINAL:
        raise ApiError(400, 21220, "Invalid call state: the call is over")
    if status == "canceled":
        # "It will not affect calls already in progress": no error, no effect.
        if call.answered_at is None:
            call.end("canceled")
    elif status == "completed":
        call.end("completed" if call.answered_at is not None else "canceled")
    elif step is not None:
        if call.answered_at is None:
            raise ApiError(400, 21220, "Invalid call state: the call is not in-progress")
        running.start(room, call, step)
    else:
        raise ApiError(400, 20001, "Status, Url or Twiml is needed")
    return web.json_response(call_json(call))


def routes(app: web.Application) -> None:
    """Add the resource."""
    top = PREFIX + "/{account}/Calls"
    app.router.add_get(top + ".json", list_calls)
    app.router.add_post(top + ".json", create_call)
    app.router.add_get(top + "/{call}.json", fetch_call)
    app.router.add_post(top + "/{call}.json", update_call)
