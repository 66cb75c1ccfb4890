"""What does not answer is not asked again for a while, so that not everybody waits for it."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class NotAsked(Exception):
    """It did not answer a moment ago."""


class Breaker:
    """Open for `seconds` once it has failed `after` times in a row; then one caller tries.

    One for each service that a process asks; its threads share it.
    """

    def __init__(self, name: str, *, seconds: float, after: int = 1) -> None:
        self._name, self._seconds, self._after = name, seconds, after
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    @contextmanager
    def asking(self, *failures: type[Exception]) -> Iterator[None]:
        """Ask it inside. Only what is of `failures` says that it does not answer; everything else
        says that it does. Raises `NotAsked` while nobody is to ask.
        """
        if self._is_open():
            raise NotAsked(f"{self._name} did not answer a moment ago")
        try:
            yield
        except failures as error:
            self._note_failure(error)
            raise
        except BaseException:
            self.forget()
            raise
        self.forget()

    def forget(self) -> None:
        """Everybody may ask."""
        self._failures = 0

    def _is_open(self) -> bool:
        if self._failures < self._after:
            return False
        with self._lock:
            if time.monotonic() < self._until:
                return True
            # This one may try; the others wait for what it finds.
            self._until = time.monotonic() + self._seconds
            return False

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            self._failures += 1
            self._until = time.monotonic() + self._seconds
        if self._failures >= self._after:
            logger.warning(
                "%s does not answer and is not asked for %g s: %s",
                self._name,
                self._seconds,
                str(error) or type(error).__name__,
            )
