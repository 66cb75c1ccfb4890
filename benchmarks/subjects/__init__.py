"""What can be measured, by the name that `./bench` takes. A subject's docstring says what it is."""

from benchmarks.bench import Subject
from benchmarks.subjects.agents import agents
from benchmarks.subjects.calling import dialling, twiml
from benchmarks.subjects.history import history
from benchmarks.subjects.legs import sandbox_legs
from benchmarks.subjects.reading import call_logs, calls_page, suggestions
from benchmarks.subjects.serving import backlog, isolation, recordings, start, weight
from benchmarks.subjects.telling import live
from benchmarks.subjects.webhook import webhook

ALL: dict[str, Subject] = {
    "webhook": webhook,
    "calls-page": calls_page,
    "call-logs": call_logs,
    "suggestions": suggestions,
    "history": history,
    "twiml": twiml,
    "dialling": dialling,
    "live": live,
    "recordings": recordings,
    "backlog": backlog,
    "isolation": isolation,
    "start": start,
    "weight": weight,
    "sandbox-legs": sandbox_legs,
    "agents": agents,
}
QUICK = ["webhook", "agents"]
