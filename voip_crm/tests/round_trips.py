"""What a block costs at PostgreSQL, as libpq itself writes it down (its protocol trace)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from psycopg.pq import Trace


@dataclass
class Cost:
    """`round_trips`: how often something was sent and then an answer waited for."""

    statements: int = 0
    round_trips: int = 0


@contextmanager
def counted() -> Iterator[Cost]:
    """Of this thread's connection, which is open already, as in a process that has served before;
    it is looked at first, as at the beginning of each request.
    """
    cost = Cost()
    vars(connection).update(health_check_enabled=True, health_check_done=False)
    libpq = connection.connection.pgconn
    with tempfile.TemporaryFile("w+") as trace:
        libpq.trace(trace.fileno())
        libpq.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield cost
        finally:
            libpq.untrace()
        trace.seek(0)
        sent = [line.split("\t") for line in trace if line[:2] in ("F\t", "B\t")]
    # Each message begins with who sends it, us (F) or the server (B).
    for before, now in zip([["B"], *sent], sent, strict=False):
        cost.statements += now[0] == "F" and now[2].strip() in ("Query", "Execute")
        cost.round_trips += (before[0], now[0]) == ("F", "B")
