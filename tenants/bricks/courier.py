"""What is handed to Redis, in its order, by a thread of its own: nobody waits for Redis.

What could not be handed over is lost. Whoever gives something here has it in the rows as well (a
task that the sweep finds), or gives something in its place (a live message: pages look again).
"""

import atexit
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from typing import Any

from django.conf import settings

from tenants.bricks.breaker import Breaker, NotAsked

logger = logging.getLogger(__name__)

MOST = 10_000  # things on their way; more are lost
AGAIN = 6.0  # seconds after which something is given in place of a burst that was lost
JOINED = 0.02  # seconds for which things wait for others to go with
GOODBYE_SECONDS = 2.0  # for which a process that ends waits for them
redis = Breaker("Redis", seconds=5)

Errand = tuple[Context, Callable[[], object]]
_errands: queue.Queue[Errand] = queue.Queue(MOST)
_thread: threading.Thread | None = None
_lock = threading.Lock()


def give(errand: Callable[[], None], trouble: tuple[type[Exception], ...]) -> None:
    """Do it soon; one of `trouble` says that Redis is away. Without Redis it is done at once."""
    if not settings.REDIS_URL:
        try:
            errand()
        except trouble as error:
            logger.warning("Something was not handed over: %s", error)
        return
    _put(lambda: _do(errand, trouble))


class Together:
    """Things of a kind of which those of a few milliseconds are one errand, each of them once.

    `instead` says what is given in place of those that were lost, a while later.
    """

    def __init__(
        self,
        errand: Callable[[list[Any]], None],
        trouble: tuple[type[Exception], ...],
        instead: Callable[[list[Any]], list[Any]] = lambda lost: [],
    ) -> None:
        self._errand, self._trouble, self._instead = errand, trouble, instead
        self._lock = threading.Lock()
        self._things: dict[Hashable, None] = {}

    def give(self, thing: Hashable) -> None:
        """Do it soon, in the order of what was given."""
        with self._lock:
            is_first = not self._things
            self._things[thing] = None
        if is_first and not _put(self._go):
            self._lose(self._taken())

    def _go(self) -> None:
        time.sleep(JOINED)
        things = self._taken()
        if not _do(lambda: self._errand(things), self._trouble):
            self._lose(things)

    def _lose(self, things: list[Any]) -> None:
        if others := self._instead(things):
            again = threading.Timer(AGAIN, self._give_all, [others])
            again.daemon = True
            again.start()

    def _give_all(self, things: list[Any]) -> None:
        for thing in things:
            self.give(thing)

    def _taken(self) -> list[Any]:
        with self._lock:
            things = list(self._things)
            self._things.clear()
        return things


def _put(do: Callable[[], object]) -> bool:
    _begin()
    try:
        _errands.put_nowait((copy_context(), do))
    except queue.Full:
        logger.warning("Too much is on its way to Redis")
        return False
    return True


def flush(seconds: float = GOODBYE_SECONDS) -> None:
    """Wait until all that was given is done, or for so long."""
    if _thread is None or not _thread.is_alive():
        return
    done = threading.Event()
    _errands.put((copy_context(), done.set))
    done.wait(seconds)


def _begin() -> None:
    """In each process its own thread: it does not come along when a worker makes its pool."""
    global _thread
    if _thread is not None and _thread.is_alive():
        return
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="courier", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        context, do = _errands.get()
        try:
            context.run(do)
        except Exception:  # a fault of one errand: the others go on
            logger.exception("What was on its way to Redis failed")


def _do(errand: Callable[[], None], trouble: tuple[type[Exception], ...]) -> bool:
    """Whether it was handed over."""
    with contextlib.suppress(NotAsked, *trouble), redis.asking(*trouble):
        errand()
        return True
    return False


def _begin_anew() -> None:
    global _errands, _lock, _thread
    _errands, _lock, _thread = queue.Queue(MOST), threading.Lock(), None


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(flush)
