"""Queues: who waits where, in order. As with calls, every change is one uninterrupted function."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.config import Account
from sandbox.ids import new_sid, now
from sandbox.telephony.calls import Call
from sandbox.wire.webhooks import Params

DEFAULT_SIZE, LARGEST_SIZE = 1000, 5000


class QueueFull(Exception):
    """max_size is reached."""


@dataclass(eq=False)
class Member:
    """One call in a queue. ``left``: when it left, None while it waits."""

    queue: Queue
    call: Call
    since: datetime = field(default_factory=now)
    began: float = field(default_factory=time.monotonic)
    left: float | None = None

    @property
    def sid(self) -> str:
        """A member is known by its call."""
        return self.call.sid

    @property
    def position(self) -> int:
        """From 1; 0 for one who has left."""
        return self.queue.members.index(self) + 1 if self in self.queue.members else 0

    @property
    def seconds(self) -> int:
        """How long it has waited, or did wait."""
        return int((self.left or time.monotonic()) - self.began)

    def leave(self) -> None:
        """Out of the queue; the others move up. Twice is harmless."""
        if self.left is None:
            self.left = time.monotonic()
            self.queue.members.remove(self)
            self.queue.gone.add(self.sid)
            self.call.waiting = None

    def facts(self) -> Params:
        """What a waitUrl is told."""
        queue = self.queue
        return {
            "QueueSid": queue.sid,
            "QueuePosition": str(self.position),
            "QueueTime": str(self.seconds),
            "AvgQueueTime": str(queue.average_wait),
            "CurrentQueueSize": str(len(queue.members)),
            "MaxQueueSize": str(queue.max_size),
        }


@dataclass(eq=False)
class Queue:
    """A QU… resource. It stays when its last member has left. ``gone``: SIDs of former members."""

    account: Account
    name: str
    max_size: int = DEFAULT_SIZE
    sid: str = field(default_factory=lambda: new_sid("QU"))
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    members: list[Member] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    @property
    def average_wait(self) -> int:
        """Seconds that those who wait now have waited, on average."""
        waits = [member.seconds for member in self.members]
        return sum(waits) // len(waits) if waits else 0

    def join(self, call: Call) -> Member:
        """To the end of the queue. Raises QueueFull."""
        if len(self.members) >= self.max_size:
            raise QueueFull(self.name)
        member = Member(self, call)
        self.members.append(member)
        self.gone.discard(call.sid)
        call.waiting = member
        return member

    def find(self, key: str) -> Member | None:
        """By the call's SID, or the ``Front`` one."""
        if key == "Front":
            return self.members[0] if self.members else None
        return next((member for member in self.members if member.sid == key), None)


class Queues:
    """All queues of all accounts, by SID."""

    def __init__(self) -> None:
        self.all: dict[str, Queue] = {}

    def of(self, account: Account, name: str | None = None) -> list[Queue]:
        """An account's queues, or the one of a name."""
        ours = [queue for queue in self.all.values() if queue.account.sid == account.sid]
        return ours if name is None else [queue for queue in ours if queue.name == name]

    def add(self, account: Account, name: str, max_size: int = DEFAULT_SIZE) -> Queue:
        """A new one."""
        made = Queue(account, name, max_size)
        self.all[made.sid] = made
        return made

    def named(self, account: Account, name: str) -> Queue:
        """The one of this name, made if there is none."""
        return next(iter(self.of(account, name)), None) or self.add(account, name)
