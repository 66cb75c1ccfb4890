"""What must happen now, and needs no answer: done by a few threads of this process.

A queue is for what can wait for a worker, and for a broker that may be away. Whatever is given to a
lane must be found in the rows as well, by the sweep: a process may end at any moment. (Or people
can do without it: `otherwise` says what becomes of it.)
"""

import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from tenants.bricks import log_context

logger = logging.getLogger(__name__)


class Lane:
    """`threads` at work at once, each with a database connection of its own while it works; `most`
    pieces of work known at once, more are refused.

    A piece that raises one of `trouble` is done again after each of the pauses `again` (seconds).
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        most: int,
        again: tuple[float, ...],
        trouble: tuple[type[Exception], ...],
        otherwise: str = "left to the sweep",
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self._again, self._trouble = most, again, trouble
        self._otherwise = otherwise
        self._lock = threading.Lock()
        # What is known, by its key; whether it has been asked for again since it began.
        self._known: dict[Hashable, bool] = {}

    def do(self, key: Hashable, work: Callable[[], None]) -> None:
        """Do it as soon as a thread is free. What is under way already is done once more after it,
        however often it is asked for.
        """
        with self._lock:
            if key in self._known:
                self._known[key] = True
                return
            if len(self._known) >= self._most:
                logger.warning("Too much to do at once; %s is %s", key, self._otherwise)
                return
            self._known[key] = False
        self._submit(key, work, log_context.facts(), self._again)

    def later(self, seconds: float, key: Hashable, work: Callable[[], None]) -> None:
        """Do it then, unless this process has ended by that time."""
        clock.at(seconds, lambda: self.do(key, work))

    def _submit(self, *given: Any) -> None:
        self._pool.submit(self._run, *given)

    def _run(
        self,
        key: Hashable,
        work: Callable[[], None],
        facts: dict[str, str],
        again: tuple[float, ...],
    ) -> None:
        log_context.begin(**facts)
        has_failed = self._has_failed(key, work, again)
        log_context.begin()
        if has_failed:
            # Meanwhile the thread is free: the trouble of one is not to be everybody's.
            clock.at(again[0], lambda: self._submit(key, work, facts, again[1:]))
            return
        with self._lock:
            if not self._known[key]:
                del self._known[key]
                return
            self._known[key] = False
        self._submit(key, work, facts, self._again)

    def _has_failed(
        self, key: Hashable, work: Callable[[], None], again: tuple[float, ...]
    ) -> bool:
        """Whether it is to be done again."""
        try:
            _once(work)
        except self._trouble as error:
            if again:
                logger.warning("%s is done again in %s s: %s", key, again[0], error)
                return True
            logger.warning("%s is %s: %s", key, self._otherwise, error)
        except Exception:  # a fault of one piece: nobody waits for it, and the lane goes on
            logger.exception("%s failed", key)
        return False


class Clock:
    """One thread that does short things when their time has come."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        with self._changed:
            due = (time.monotonic() + seconds, next(self._numbers), action)
            heapq.heappush(self._due, due)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or (left := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left if self._due else None)
                _, _, action = heapq.heappop(self._due)
            try:
                action()
            except Exception:  # of one; and a pool that has ended takes nothing more
                logger.exception("What was due failed")


def _begin_anew() -> None:
    global clock
    clock = Clock()  # a thread does not come along when a worker makes its pool


clock = Clock()
os.register_at_fork(after_in_child=_begin_anew)


def _once(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()  # of this thread
