"""Between a click and a phone that rings: the TwiML answer, and the request at Twilio."""

import json
from collections.abc import Iterator
from time import perf_counter
from uuid import uuid4

from benchmarks import load, servers, twilio_says
from benchmarks.bench import Bench
from benchmarks.data import Workspace
from benchmarks.limits.slow_twilio import SECONDS
from benchmarks.measuring import Result, measure, ratio, result, times_cheaper
from benchmarks.people import Person


def twiml(bench: Bench) -> list[Result]:
    """A browser has connected and Twilio asks what to do: a room, a leg and TwiML; beside a Node
    handler that reads the same person and answers.
    """
    of = bench.data.workspace("twiml", agents=40)
    product = bench.product("product", lambda seconds: _connections(of, seconds))
    bench.count_product(product, [_connection(agent) for agent in of.agents[:5]])
    sides = [product]
    if bench.has_peer:
        bench.data.give_peer("false")  # the people
        peer = bench.peer("Node handler", lambda seconds: _connections(of, seconds, plain=True))
        bench.count_peer(peer, [_connection(agent, plain=True) for agent in of.agents[:5]])
        sides.append(peer)
    rooms = "SELECT count(*) FROM calls_conference WHERE tenant_id = %s"
    before = bench.world.value(rooms, of.id)
    measure(bench.world, sides, rounds=bench.rounds, seconds=bench.seconds, expected=200)
    made = bench.world.value(rooms, of.id) - before
    found = result("TwiML answer", " ".join((twiml.__doc__ or "").split()), *sides)
    if bench.has_peer:
        found.ratios["requests a second, × Node handler"] = ratio(product, sides[1], "a second")
        found.ratios["times cheaper than the Node handler"] = times_cheaper(product, sides[1])
    asked = sum(product.answered.values())
    found.check(f"{made:,} of {asked:,} connections have a room", made == asked)
    found.check("the last is led into it", all("<Conference" in side.last.text for side in sides))
    return [found]


def _connections(of: Workspace, seconds: float, *, plain: bool = False) -> Iterator[bytes]:
    until, number = perf_counter() + seconds, 0
    while number == 0 or perf_counter() < until:
        yield _connection(of.agents[number % len(of.agents)], plain=plain)
        number += 1


def _connection(agent: Person, *, plain: bool = False) -> bytes:
    """What Twilio asks about a new wish to call. The peer knows people by their `plain` ids."""
    identity = agent.user_id if plain else agent.identity
    form = {"CallSid": f"CA{uuid4().hex}", "CallStatus": "ringing", "From": f"client:{identity}"}
    form |= {"clientRequestId": str(uuid4()), "ApplicationSid": f"AP{uuid4().hex}"}
    return twilio_says.signed("/api/twilio/voice-webhook", form)


def dialling(bench: Bench) -> list[Result]:
    """From the click to the request at Twilio, our share: `make-call` with a Twilio that takes
    150 ms for its answer, which are taken off.
    """
    servers.twilio(bench.world)
    of = bench.data.workspace("dialling", agents=40)
    product = bench.product("product", lambda seconds: _dials(bench, of, seconds))
    bench.count_product(product, list(_dials(bench, of, 0, count=4)))
    measure(bench.world, [product], rounds=bench.rounds, seconds=bench.seconds, expected=201)
    found = result(
        "click to request at Twilio", " ".join((dialling.__doc__ or "").split()), product
    )
    ours = product.figures["p50 ms"].median - SECONDS * 1000
    found.notes.append(f"our share: {ours:.0f} ms of {product.figures['p50 ms'].median:.0f}")
    rung = bench.world.value(
        "SELECT count(*) FROM calls_calllog WHERE tenant_id = %s AND submission = 'accepted'", of.id
    )
    asked = sum(product.answered.values()) + 4
    found.check(f"{rung} of {asked} calls were taken by Twilio, each once", rung == asked)
    return [found]


def _dials(bench: Bench, of: Workspace, seconds: float, count: int = 1) -> Iterator[bytes]:
    """An agent who is in a room dials; each one once more only when the last call is over."""
    until, number = perf_counter() + seconds, 0
    while number < count or perf_counter() < until:
        agent = of.agents[number % len(of.agents)]
        number += 1
        yield _make_call(agent, _agent_in_room(bench, of, agent))


def _make_call(agent: Person, request: str) -> bytes:
    body = json.dumps({"clientRequestId": request, "to": "+14155550100"}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    asked = load.get("/api/twilio/make-call", agent.posting | headers)
    return asked.replace(b"GET", b"POST", 1) + body


def _agent_in_room(bench: Bench, of: Workspace, agent: Person) -> str:
    """Written as by the product when the agent's browser has joined; the last call is over."""
    from django.conf import settings
    from django.utils import timezone

    from calls.models import CallEvent, CallLeg, CallLog, Conference
    from tenants.fence.context import tenant_transaction

    request, now = uuid4(), timezone.now()
    with tenant_transaction(of.id):
        before = Conference.objects.filter(agent_id=agent.user_id)
        over = {"status": "completed", "ended_at": now, "left_at": now}
        CallLeg.objects.filter(conference__in=before).update(**over)
        CallLog.objects.filter(conference__in=before).update(status="completed", ended_at=now)
        before.update(closed_at=now)
        room = Conference.objects.create(
            tenant=of.tenant, agent_id=agent.user_id, client_request_id=request,
            account_sid=settings.TWILIO_ACCOUNT_SID, conference_sid=f"CF{uuid4().hex}",
        )  # fmt: skip
        leg = CallLeg.objects.create(
            tenant=of.tenant, conference=room, party="agent", user_id=agent.user_id,
            call_sid=f"CA{uuid4().hex}", status="in-progress", joined_at=now,
        )  # fmt: skip
        CallEvent.objects.create(
            tenant=of.tenant, conference=room, leg=leg, key=uuid4().hex, kind="conference",
            name="participant-join", at=now, sequence=1,
        )  # fmt: skip
    return str(request)
