"""The far end of a leg while it is there, and what stays of it."""

from __future__ import annotations

from typing import Protocol

from sandbox.media.audio import SILENCE, Ear, Samples


class Device(Protocol):
    """The far end of a leg: a browser or a pretend phone."""

    ear: Ear
    digits: str

    def read(self) -> Samples: ...
    def write(self, frame: Samples) -> None: ...
    def digit(self, digits: str) -> None: ...
    def close(self) -> None: ...


class Gone:
    """What stays of a device when its call is over: what it heard, not its connection."""

    def __init__(self, device: Device) -> None:
        self.ear = device.ear
        self.digits = device.digits

    def read(self) -> Samples:
        """Nothing."""
        return SILENCE

    def write(self, frame: Samples) -> None:
        """Nobody listens."""

    def digit(self, digits: str) -> None:
        """Nobody is there."""

    def close(self) -> None:
        """It is."""
