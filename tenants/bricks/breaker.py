"""What does not answer is not asked again for a while, so that not everybody waits for it."""

import logging
import threading
import time

logger = logging.getLogger(__name__)


class Breaker:
    """Open for `seconds` once it was told of `after` failures in a row; then one caller tries.

    One for each service that a process asks; its threads share it.
    """

    def __init__(self, name: str, *, seconds: float, after: int = 1) -> None:
        self._name, self._seconds, self._after = name, seconds, after
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def is_open(self) -> bool:
        """Whether it must not be asked now."""
        if self._failures < self._after:
            return False
        with self._lock:
            if time.monotonic() < self._until:
                return True
            # This one may try; the others wait for what it finds.
            self._until = time.monotonic() + self._seconds
            return False

    def failed(self, error: object) -> None:
        with self._lock:
            self._failures += 1
            self._until = time.monotonic() + self._seconds
        if self._failures >= self._after:
            logger.warning(
                "%s does not answer and is not asked for %g s: %s", self._name, self._seconds, error
            )

    def worked(self) -> None:
        self._failures = 0
