"""How many may do the same at once, so that those who wait for it leave room for everybody else."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Crowded(Exception):
    """Too many are at it already; nothing was done."""


class Gate:
    """At most `most` of a process inside for one key; who finds no room waits for `patience`
    seconds.
    """

    def __init__(self, most: int, *, patience: float = 0.2) -> None:
        self._most, self._patience = most, patience
        self._inside: Counter[Hashable] = Counter()
        self._left = threading.Condition()

    @contextmanager
    def passing(self, key: Hashable = None) -> Iterator[None]:
        """Raises `Crowded`."""
        with self._left:
            until = time.monotonic() + self._patience
            while self._inside[key] >= self._most:
                if not self._left.wait(until - time.monotonic()):
                    raise Crowded(f"{self._most} are at it already")
            self._inside[key] += 1
        try:
            yield
        finally:
            with self._left:
                self._inside[key] -= 1
                if not self._inside[key]:
                    del self._inside[key]
                self._left.notify_all()


WIDE = Gate(sys.maxsize)  # of those who wait however many they are
