"""psycopg, with connections that look at the deadline of the request (`tenants.bricks.deadline`).

A server that hangs refuses nothing, and TCP finds nothing wrong with it. The first requests wait
until their deadline; meanwhile a thread finds out whether it answers at all, and as long as it does
not, nobody else waits.
"""

import logging
import select
import threading
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

from psycopg import *  # noqa: F403  # what Django expects of a driver
from psycopg import Connection, Error, OperationalError, errors

from tenants.bricks import deadline

logger = logging.getLogger(__name__)

SUSPICIOUS = 1.0  # seconds without a word, after which it is asked whether it answers anybody
SILENT = 1.0  # seconds without an answer to that, after which it is said to answer nobody
LONGEST_ANSWER = 2.0  # seconds, as a connection's own limit
ASKED_AGAIN = 0.5  # seconds
_INTERVAL = 0.1  # seconds, as psycopg's own
_NEVER = float("inf")


class Server:
    """Whether PostgreSQL answers, as far as this process knows."""

    def __init__(self) -> None:
        self.where: dict[str, Any] = {}  # how it was connected to last
        self._asked_at = _NEVER  # and not answered since
        self._lock = threading.Lock()
        self._prober: threading.Thread | None = None

    @property
    def is_frozen(self) -> bool:
        return time.monotonic() - self._asked_at > SILENT

    def refuse_if_frozen(self) -> None:
        """Raises OperationalError for whoever has a deadline."""
        if self.is_frozen and deadline.left(_NEVER) < _NEVER:
            raise OperationalError("PostgreSQL does not answer at present")

    def suspect(self) -> None:
        with self._lock:
            if self._prober is None or not self._prober.is_alive():
                self._prober = threading.Thread(target=self._probe, daemon=True)
                self._prober.start()

    def _probe(self) -> None:
        self._asked_at = time.monotonic()
        while not self._answers():
            logger.error("PostgreSQL does not answer; requests are refused until it does")
            time.sleep(ASKED_AGAIN)
        self._asked_at = _NEVER

    def _answers(self) -> bool:
        """Whether anything is answered within two seconds; also who refuses us answers, and nobody
        waits for that.
        """
        try:
            with closing(Connection.connect(**self.where)) as connection:
                # A pooler lets everybody in, whatever is behind it.
                connection.pgconn.send_query(b"SELECT 1")
                connection.pgconn.flush()
                return bool(select.select([connection], [], [], LONGEST_ANSWER)[0])
        except errors.ConnectionTimeout:
            return False
        except Error:
            return True


server = Server()


class PunctualConnection(Connection[Any]):
    """Closes itself when the deadline passes before the answer, which then could be anybody's.

    Raises OperationalError.
    """

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        if deadline.left(_NEVER) == _NEVER:
            return super().wait(gen, interval, timeout)
        server.refuse_if_frozen()
        return super().wait(self._punctually(gen), interval, timeout)

    def _punctually(self, gen: Any) -> Generator[Any, Any, Any]:
        began = time.monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready:
                    self._be_patient(began)
                state = gen.send(ready)
        except StopIteration as stop:
            return stop.value

    def _be_patient(self, began: float) -> None:
        if time.monotonic() - began >= SUSPICIOUS:
            server.suspect()
        if server.is_frozen or not deadline.left(_NEVER):
            self.close()
            raise OperationalError("PostgreSQL has not answered in time")


def connect(conninfo: str = "", **options: Any) -> PunctualConnection:  # type: ignore[no-redef]
    if not deadline.left(_NEVER):
        raise OperationalError("There is no time left to connect to PostgreSQL")
    try:
        return PunctualConnection.connect(conninfo, **options)
    except errors.ConnectionTimeout:
        server.suspect()
        raise
