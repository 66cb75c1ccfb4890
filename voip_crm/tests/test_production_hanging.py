"""What hangs instead of failing: PostgreSQL, Redis or Twilio take connections and say nothing.

Whoever asks is answered while it still hangs. (In production, which test_production_stop.py ends.)
"""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

from django.conf import settings

from voip_crm.tests import cast
from voip_crm.tests.production import Production
from voip_crm.tests.test_flow import loudness

PATIENCE = 10  # seconds of the client's; what hangs here hangs for as long as the test wants
CALLER = {"CallSid": "CA" + "2" * 32, "From": "client:nobody", "CallStatus": "ringing"}


def test_a_database_that_hangs_lets_nobody_wait(
    production: Production, bob: Any, eventually: Any
) -> None:
    url, tenant, identity = production.url, production.tenant, production.identity(bob)
    session = production.session()

    def page() -> tuple[int, str]:
        answer = bob.get(f"{url}/calls", timeout=PATIENCE)
        return answer.status_code, answer.text

    def api() -> tuple[int, str]:
        answer = bob.get(f"{url}/api/twilio/call-logs", timeout=PATIENCE)
        return answer.status_code, answer.text

    def event() -> tuple[int, str]:
        fields = {"CallSid": "CA" + "3" * 32, "CallStatus": "completed"}
        leg = "00000000-0000-0000-0000-000000000001"
        answer = production.webhook(f"/api/twilio/call-status?leg={leg}&tenant={tenant}", **fields)
        return answer.status_code, answer.text

    def voice() -> tuple[int, str]:
        fields = CALLER | {"From": f"client:{identity}"}
        answer = production.webhook("/api/twilio/voice-webhook", **fields)
        return answer.status_code, answer.text

    def health() -> tuple[int, str]:
        return session.get(f"{url}/healthz", timeout=PATIENCE).status_code, ""

    def readiness() -> tuple[int, str]:
        return session.get(f"{url}/readyz", timeout=PATIENCE).status_code, ""

    kinds = (page, api, event, voice, health, readiness)
    assert [kind()[0] for kind in kinds] == [200, 200, 204, 200, 200, 200]
    # Twenty of each at once: more than there are threads.
    with production.hanging("database"), ThreadPoolExecutor(120) as crowd:
        asked = {kind: [crowd.submit(kind) for _ in range(20)] for kind in kinds}
        answers = {kind: [one.result(60) for one in those] for kind, those in asked.items()}
    status = {kind.__name__: {code for code, _ in those} for kind, those in answers.items()}
    assert status == {
        "page": {503},
        "api": {503},
        "event": {503},  # so that Twilio sends it again
        "voice": {200},
        "health": {200},
        "readiness": {503},
    }
    assert all("busy" in text or "try again" in text.lower() for _, text in answers[page])
    assert all('"unavailable"' in text for _, text in answers[api])
    for _, text in answers[voice]:
        spoken = ElementTree.fromstring(text)
        assert [element.tag for element in spoken] == ["Say", "Hangup"]
    eventually(lambda: [kind()[0] for kind in kinds] == [200, 200, 204, 200, 200, 200])


def test_a_message_left_while_the_database_hangs_is_found_again(
    production: Production, bob: Any, eventually: Any
) -> None:
    """Whoever calls hears an apology, and may say what they want. It is filed under the number that
    they called once the database is back.
    """
    point = ["manage.py", "point_number", "acme", cast.ACME_NUMBER]
    environment = production.environment
    subprocess.run([sys.executable, *point], env=environment, cwd=settings.BASE_DIR, check=True)
    sandbox, stranger = production.sandbox, "+12125550123"
    script = [{"hear": "beep"}, {"until": "recording"}, {"speak": 700, "seconds": 3}]
    with production.hanging("database"):
        sid = sandbox.incoming(to=cast.ACME_NUMBER, caller=stranger, script=script)["sid"]
        eventually(lambda: "recording" in sandbox.call(sid)["stages"])
    ready = production.session()
    eventually(lambda: ready.get(f"{production.url}/readyz", timeout=PATIENCE).status_code == 200)
    # Silence is counted, too: two seconds since their voice is there.
    since = eventually(lambda: (s := sandbox.heard(sid)["said"])["peak"] > 4000 and s["seconds"])
    eventually(lambda: sandbox.heard(sid)["said"]["seconds"] >= since + 2)
    sandbox.digits(sid, "#")
    heard = eventually(lambda: ended(sandbox, sid))
    assert "can’t connect" in heard[0] and "Thank you" in heard[-1]
    where = f"{production.url}/api/twilio/call-logs"

    def filed() -> Any:
        calls = bob.get(where).json().get("data", [])  # none while it is not there yet
        found = [call for call in calls if call["twilioCallSid"] == sid]
        # Why it was missed is known once their call's end is, whichever is heard of first.
        return found and found[0]["recordingUrl"] and found[0]["missed"] and found

    (call,) = eventually(filed, 120, 1)
    told = (call["missed"], call["fromNumber"], call["toNumber"], call["direction"])
    assert told == ("voicemail", stranger, cast.ACME_NUMBER, "INBOUND")
    assert max(loudness(bob.get(call["recordingUrl"]).content)) > 100


def ended(sandbox: Any, sid: str) -> list[str]:
    """What a caller has heard, once their call is over."""
    calls = {call["sid"]: call["status"] for call in sandbox.state()["calls"]}
    said = [prompt["text"] for prompt in sandbox.call(sid)["prompts"]]
    return said if calls[sid] == "completed" else []


def test_a_redis_that_hangs_costs_nobody_a_call(production: Production, eventually: Any) -> None:
    bob = production.sign_in("agent8@acme.example")  # the others' calls are not to be in the way
    where = f"{production.url}/api/twilio/call-logs"
    with production.hanging("redis"):
        request_id = production.connect_agent(bob)
        answer = bob.post(
            f"{production.url}/api/twilio/make-call",
            json={"clientRequestId": request_id, "to": "+14155550100"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 201, answer.text
        call = answer.json()
        eventually(
            lambda: bob.get(f"{where}/{call['callLogId']}").json()["status"] == "in-progress", 20, 1
        )
        ended = bob.post(f"{production.url}/calls/end", {"request": request_id}, timeout=PATIENCE)
        assert ended.status_code == 204
        eventually(
            lambda: bob.get(f"{where}/{call['callLogId']}").json()["status"] == "completed", 20, 1
        )
    # No worker's place is lost with it: as many tasks as there are places, and more, are done.
    eventually(lambda: bob.get(f"{where}/{call['callLogId']}").json()["recordingUrl"], 90, 1)
    before = production.tasks_done()
    eventually(lambda: production.tasks_done() >= before + 3, 120, 1)


def test_a_twilio_that_hangs_takes_no_threads_from_pages(
    production: Production, bob: Any, eventually: Any
) -> None:
    agents = [production.sign_in(f"agent{number}@acme.example") for number in range(8)]
    rooms = [production.connect_agent(agent) for agent in agents]

    def dial(agent: Any, room: str) -> str:
        answer = agent.post(
            f"{production.url}/api/twilio/make-call",
            json={"clientRequestId": room, "to": "+14155550100"},
            timeout=30,
        )
        return str(answer.json()["error"]["code"])

    with production.hanging("sandbox"), ThreadPoolExecutor(30) as crowd:
        dials = [crowd.submit(dial, *both) for both in zip(agents, rooms, strict=True)]
        pages = [
            crowd.submit(bob.get, f"{production.url}/calls", timeout=PATIENCE) for _ in range(20)
        ]
        assert {page.result(60).status_code for page in pages} == {200}
        said = Counter(one.result(60) for one in dials)
    # Asked and not answered, it may have been made; for the others there was no room.
    assert {*said} == {"submission_unknown", "unavailable"}
    assert said["unavailable"] >= 8 - 2 * 3, said


def test_a_locked_room_leaves_threads_for_pages(production: Production, bob: Any) -> None:
    """Whatever tells of it: the room, a leg by our address, a leg by its call, a leg that ended."""
    production.connect_agent(production.sign_in("agent9@acme.example"))
    room, tenant = production.last_room(), production.tenant
    with production.connect() as rows:
        leg, call = rows.execute(
            "SELECT id, call_sid FROM calls_callleg WHERE conference_id = %s", [room]
        ).fetchone()
    own = {"CallSid": call, "CallStatus": "in-progress"}
    told: list[tuple[str, dict[str, str]]] = [
        (
            f"call-status?room={room}&tenant={tenant}",
            {"ConferenceSid": "CF" + "1" * 32, "StatusCallbackEvent": "participant-mute"},
        ),
        (f"call-status?leg={leg}&tenant={tenant}", own),
        (f"call-status?tenant={tenant}", own),
        (f"call-status?leg={leg}&tenant={tenant}", own | {"CallStatus": "ringing"}),
        (f"voice-webhook?step=leg-ended&leg={leg}&tenant={tenant}", own),
    ]

    def event(number: int) -> str:
        path, fields = told[number % len(told)]
        answer = production.webhook(
            f"/api/twilio/{path}", SequenceNumber=str(100 + number), **fields
        )
        return "later" if answer.status_code == 503 or "is busy" in answer.text else "stored"

    # In each process two with news and two with ends, and a sweep.
    most = 4 * int(production.environment.get("WEB_WORKERS", 2)) + 1
    waiting = [0]
    with ThreadPoolExecutor(60) as crowd, production.connect() as watch:
        with production.connect() as rows, rows.transaction():
            rows.execute("SELECT 1 FROM calls_conference WHERE id = %s FOR UPDATE", [room])
            events = [crowd.submit(event, number) for number in range(32)]
            pages = [
                crowd.submit(bob.get, f"{production.url}/calls", timeout=PATIENCE)
                for _ in range(20)
            ]
            while not all(one.done() for one in (*events, *pages)):
                waiting += watch.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchone()
            assert {page.result().status_code for page in pages} == {200}
            assert {one.result() for one in events} == {"later"}
        assert 0 < max(waiting) <= most
        assert {event(number) for number in range(4)} == {"stored"}
