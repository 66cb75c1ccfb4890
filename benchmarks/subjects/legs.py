"""How many legs with sound the sandbox carries."""

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode

from benchmarks import procfs, servers
from benchmarks.bench import Bench
from benchmarks.measuring import Result, Spread
from benchmarks.processes import Broken

ACCOUNT, TOKEN, OURS = "AC" + "1" * 32, "of-the-benchmark", "+15550001000"
LEVELS = [2, 10, 20, 40, 80]
REAL_TIME = 0.97  # of the sound that there should have been: less, and people hear gaps


def sandbox_legs(bench: Bench) -> list[Result]:
    """Phones of the sandbox's own in conferences of two, each speaking and hearing the other every
    20 ms. It takes no more legs once somebody has heard less than there was to hear.
    """
    found = Result("sandbox legs", " ".join((sandbox_legs.__doc__ or "").split()))
    port = _start(bench)
    process = bench.world.processes.children["sandbox"].pid
    seconds = max(bench.seconds, 1.0)
    for legs in LEVELS[:1] if bench.is_quick else LEVELS:
        calls = [
            _dial(port, f"bench-{legs}-{number // 2}", 101 + number % 2 * -1)
            for number in range(legs)
        ]
        _until_all_talk(port, legs)
        time.sleep(1)  # until the first sound has gone round
        before, used = [_heard(port, call) for call in calls], procfs.cpu_seconds(process)
        began = time.perf_counter()
        time.sleep(seconds)
        used, lasted = procfs.cpu_seconds(process) - used, time.perf_counter() - began
        after = [_heard(port, call) for call in calls]
        least = min(_share(a, b) for a, b in zip(before, after, strict=True))
        figures = {
            "cores used": used / lasted,
            "CPU ms a leg and second": used / lasted / legs * 1000,
            "sound heard, of all": least,
            "MB": procfs.resident_mb(process),
        }
        found.sides[f"{legs} legs"] = {k: Spread(v, v, v) for k, v in figures.items()}
        for call in calls:
            _ask(port, "POST", f"/Calls/{call}.json", Status="completed")
        _until_all_talk(port, 0)
        if least < REAL_TIME:
            found.notes.append("more were not tried: some sound was late already")
            break
    first = next(iter(found.sides.values()))["sound heard, of all"].median
    found.check("two hear each other without a gap", first >= REAL_TIME)
    bench.world.processes.stop("sandbox")
    return [found]


def _start(bench: Bench) -> int:
    port = bench.world.port("sandbox")
    config = bench.world.folder / "sandbox.json"
    number = {"sid": "PN" + "1" * 32, "phone_number": OURS}
    account = {"sid": ACCOUNT, "auth_token": TOKEN, "numbers": [number]}
    settings = {
        "accounts": [account],
        "data_dir": str(bench.world.folder / "sandbox"),
        "ring_seconds": 0.1,
    }
    config.write_text(json.dumps(settings))
    bench.world.processes.python(
        "sandbox", "-m", "sandbox", "--config", str(config), "--port", str(port)
    )
    bench.world.processes.wait_for("sandbox", lambda: servers.answers(port, "/sandbox/health"))
    return port


def _dial(port: int, room: str, ending: int) -> str:
    path = f"/Conferences/{room}/Participants.json"
    made = _ask(port, "POST", path, To=f"+15550009{ending}", From=OURS, Beep="false")
    return str(made["call_sid"])


def _until_all_talk(port: int, legs: int) -> None:
    """Until so many calls are in progress, and no other."""
    for _ in range(600):
        calls = _json(port, "GET", "/sandbox/state")["calls"]
        going = [c["status"] for c in calls if c["status"] in ("in-progress", "ringing", "queued")]
        if len(going) == legs and {*going} <= {"in-progress"}:
            return
        time.sleep(0.05)
    raise Broken(f"{legs} legs were to talk, and these do: {going}")


def _heard(port: int, call: str) -> tuple[float, float]:
    """(when it was asked, seconds of sound that the phone had heard)."""
    return time.perf_counter(), float(_json(port, "GET", f"/sandbox/calls/{call}/heard")["seconds"])


def _share(before: tuple[float, float], after: tuple[float, float]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])


def _ask(port: int, method: str, path: str, **form: str) -> Any:
    return _json(port, method, f"/2010-04-01/Accounts/{ACCOUNT}{path}", urlencode(form))


def _json(port: int, method: str, path: str, body: str = "") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    headers = {
        "Authorization": f"Basic {basic}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    if answer.status >= 300:
        raise Broken(f"the sandbox answered {answer.status} to {path}: {told}")
    return told
