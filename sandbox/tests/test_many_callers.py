"""Whatever many callers do at once and whatever they are told: each call ends, once."""

from __future__ import annotations

import random
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from sandbox.telephony.calls import TERMINAL
from sandbox.tests.application import Request
from sandbox.tests.harness import OURS, Box, until
from sandbox.tests.test_callers import caller

VERBS = (
    "<Say>Hi</Say>",
    '<Pause length="1"/>',
    '<Gather timeout="1" numDigits="1" action="/doc"><Say>Press a key</Say></Gather>',
    '<Record timeout="1" maxLength="2" action="/doc" recordingStatusCallback="/recording"/>',
    '<Enqueue waitUrl="/wait" action="/doc">q_many</Enqueue>',
    '<Enqueue waitUrl="/wait">q_other</Enqueue>',
    '<Dial action="/doc"><Conference waitUrl="">vc_many</Conference></Dial>',
    '<Dial timeout="1" timeLimit="1"><Number>+15550009100</Number></Dial>',
    "<Dial>+15550009102</Dial>",
    "<Redirect>/doc</Redirect>",
    "<Play>/no-such-sound</Play>",
    "<Reject/>",
    "<Hangup/>",
    "<Leave/>",
    "<Nonsense/>",
)
WAITS = ("<Say>Wait</Say>", '<Gather timeout="1" numDigits="1" action="/wait"/>', "<Leave/>")
ODD = ("anonymous", "+266696687", "sip:a@b.example", "+15550001234", "")


def documents(dice: random.Random) -> Any:
    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        verbs = WAITS if request.path.startswith("/wait") else VERBS
        body = "".join(dice.choices(verbs, k=dice.randint(0, 3)))
        reply: Any = handler
        if dice.random() < 0.05:
            reply.reply(500, b"", "text/plain")
        else:
            reply.reply(200, f"<Response>{body}</Response>".encode(), "text/xml")
        return True

    return behave


def script(dice: random.Random) -> list[dict[str, Any]]:
    acts: list[dict[str, Any]] = [
        {"wait": round(dice.random(), 2)},
        {"press": dice.choice("0123456789*#")},
        {"speak": 500, "seconds": 0.2},
    ]
    stage = dice.choice(["answered", "queued", "gathering", "recording", "conference"])
    return [*dice.choices(acts, k=3), {"until": stage}, *dice.choices(acts, k=2)]


@pytest.mark.parametrize("seed", [1, 2])
def test_each_call_of_many_ends_once(box: Box, seed: int) -> None:
    dice, room = random.Random(seed), box.server.exchange
    for path in ("/inbound", "/doc", "/wait"):
        box.application.behave[path] = documents(dice)
    orders = [{"from": dice.choice(ODD), "to": OURS, "script": script(dice)} for _ in range(25)]
    sids = [box.command("incoming", order)["sid"] for order in orders]
    for _ in range(12):  # and somebody pulls them about
        time.sleep(0.1)
        live = [sid for sid in sids if caller(box, sid)["status"] == "in-progress"]
        if live:
            form = dice.choice([{"Status": "completed"}, {"Url": f"{box.application.url}/doc"}])
            path = f"/2010-04-01/Accounts/AC{'1' * 32}/Calls/{dice.choice(live)}.json"
            box.http.post(box.url + path, data=form, auth=("AC" + "1" * 32, "token-one"))
    for sid in sids:
        box.command(f"calls/{sid}/hangup")
    until(lambda: room.idle, seconds=20)
    for sid in sids:
        seen = caller(box, sid)
        assert seen["status"] in TERMINAL and seen["stages"] == [] and seen["queue"] is None
        told = [r for r in box.application.to("/number-status") if r.params["CallSid"] == sid]
        assert [r.params["CallStatus"] for r in told] == [seen["status"]]
        began = next(r for r in box.application.requests if r.params.get("CallSid") == sid)
        assert began.path == "/inbound"
    assert not any(queue.members for queue in room.queues.all.values())
    assert not any(conference.joined for conference in room.conferences.values())
    assert not any(recording.running for recording in room.recorder.recordings.values())
    bugs = [e for e in box.inspect("wire")["entries"] if "sandbox error" in e.get("message", "")]
    assert bugs == []
