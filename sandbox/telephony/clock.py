"""The clock of all sound: absolute, so that recordings are as long as the calls were."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sandbox.media.audio import FRAME_SECONDS

LATE_FRAMES = 50  # after a longer stall the clock starts anew instead of catching up


async def run(tick: Callable[[], None]) -> None:
    """Call ``tick`` every 20 ms, for ever."""
    due = time.monotonic()
    while True:
        due += FRAME_SECONDS
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif wait < -LATE_FRAMES * FRAME_SECONDS:
            due = time.monotonic()
        else:
            await asyncio.sleep(0)
        tick()
