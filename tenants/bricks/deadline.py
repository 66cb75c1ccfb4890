"""Until when whoever asks is kept waiting. A request begins with it; what may hang looks at it.

The time that a service beyond ours takes, which has a limit of its own, is not counted.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


@contextmanager
def not_counted() -> Iterator[None]:
    """The deadline is put off by the time that this takes."""
    began = time.monotonic()
    try:
        yield
    finally:
        ends = _ends.get()
        if ends is not None:
            _ends.set(ends + time.monotonic() - began)


def left(most: float) -> float:
    """Seconds for which may still be waited: at most `most`, none (0) past the deadline."""
    ends = _ends.get()
    return most if ends is None else max(0.0, min(most, ends - time.monotonic()))
