"""One worker's turn with a file, which nobody else's change of it passes unseen."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from contacts.models import ContactImport

LEASE = timedelta(minutes=2)  # for which it has the file to itself; a part takes a second


class Overtaken(Exception):
    """Another worker has gone on with it, or somebody has told it otherwise."""


class Lease:
    """One worker's turn with a file."""

    def __init__(self, file: ContactImport, now: datetime) -> None:
        self._of = ContactImport.objects.filter(pk=file.pk, stage=file.stage)
        self._until = now + LEASE
        untaken = self._of.filter(taken_until=file.taken_until)
        # Counted before anything is done: who is killed counts nothing any more.
        self.failures = file.failures + 1
        taken = untaken.update(taken_until=self._until, failures=self.failures)
        self.is_taken = bool(taken)

    def save(self, hold: timedelta | None = LEASE, **changes: Any) -> None:
        """Note how far it has come, and hold on to it or (None) let it go. Raises `Overtaken`."""
        until = timezone.now() + hold if hold else None
        mine = self._of.filter(taken_until=self._until)
        if not mine.update(**{"taken_until": until, "failures": 0} | changes):
            raise Overtaken
        self._until = until or self._until
