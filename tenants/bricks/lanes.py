"""What must happen now, and needs no answer: done by a few threads of this process.

A queue is for what can wait for a worker, and for a broker that may be away. Whatever is given to a
lane must be found in the rows as well, by the sweep: a process may end at any moment.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

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
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self._again, self._trouble = most, again, trouble
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
                logger.warning("Too much to do at once; %s is left to the sweep", key)
                return
            self._known[key] = False
        self._pool.submit(self._run, key, work, log_context.facts())

    def _run(self, key: Hashable, work: Callable[[], None], facts: dict[str, str]) -> None:
        while True:
            log_context.begin(**facts)
            self._try(key, work)
            log_context.begin()
            with self._lock:
                if not self._known[key]:
                    del self._known[key]
                    return
                self._known[key] = False

    def _try(self, key: Hashable, work: Callable[[], None]) -> None:
        for pause in (*self._again, None):
            try:
                _once(work)
                return
            except self._trouble as error:
                if pause is None:
                    logger.warning("%s is left to the sweep: %s", key, error)
                    return
                logger.warning("%s is done again in %s s: %s", key, pause, error)
            except Exception:  # a fault of one piece: nobody waits for it, and the lane goes on
                logger.exception("%s failed", key)
                return
            time.sleep(pause)


def _once(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()  # of this thread
