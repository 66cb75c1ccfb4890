"""Recordings: noted when Twilio speaks of them, then copied to private storage."""

import hashlib
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone

from calls import gateway
from calls.gateway import stores
from calls.gateway.accounts import TwilioNotConfigured, account_for
from calls.models import CallLog, Recording
from calls.services.rooms.progress import announce_call
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)

MAX_BYTES = 2 * 1024**3
LONGEST_WAIT = 6 * 3600.0  # seconds between two attempts
MAX_ATTEMPTS = 40  # a week
# For which one worker has a recording to itself: longer than a task may last.
LEASE = timedelta(minutes=20)

State = Recording.State
# What was given up begins anew when Twilio speaks of it again.
_RANK = {State.RECORDING: 0, State.FAILED: 1, State.WAITING: 2, State.ABSENT: 3, State.STORED: 3}
_HEARD = {
    "in-progress": State.RECORDING,
    "paused": State.RECORDING,
    "stopped": State.RECORDING,
    "processing": State.RECORDING,
    "completed": State.WAITING,
    "absent": State.ABSENT,
    "failed": State.ABSENT,
}


class BadMedia(Exception):
    """What was downloaded is not the whole recording."""


class Unreadable(Exception):
    """A stored recording whose file is gone, or is not what was stored."""


class Deleted(Exception):
    """A recording's row has gone while it was fetched; its file is kept at `path` all the same."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def note_recording(
    tenant_id: UUID,
    *,
    call_id: UUID,
    call_sid: str,
    account_sid: str,
    sid: str,
    status: str,
    duration: int | None,
    channels: int,
    now: datetime,
    is_voicemail: bool = False,
) -> Recording | None:
    """Write down what was heard of a recording; its state only ever moves forward.

    Returns the recording when it now waits to be fetched. Raises `LookupError` when the call is
    not this tenant's, or was not made with this account, or the recording is another call's; and
    `IntegrityError` when it is another tenant's.
    """
    with tenant_transaction(tenant_id):
        call = (
            CallLog.objects.select_for_update(of=("self",))
            .filter(pk=call_id, conference__account_sid=account_sid)
            .first()
        )
        if call is None or (call.twilio_call_sid and call.twilio_call_sid != call_sid):
            raise LookupError("no such call")
        recording, _ = Recording.objects.get_or_create(
            sid=sid,
            defaults={
                "tenant_id": tenant_id,
                "call": call,
                "account_sid": account_sid,
                "is_voicemail": is_voicemail,
            },
        )
        if (recording.call_id, recording.account_sid) != (call.pk, account_sid):
            raise LookupError("recording of another call")
        state = _HEARD.get(status)
        if state is None or _RANK[state] <= _RANK[State(recording.state)]:
            # Unknown or older news; a first “in-progress” is new by having made the row.
            return None
        recording.state = state
        recording.duration = duration if duration is not None else recording.duration
        recording.channels = channels
        recording.next_attempt_at = now if state == State.WAITING else None
        recording.attempts = 0
        recording.save(
            update_fields=["state", "duration", "channels", "next_attempt_at", "attempts"]
        )
        announce_call(recording.call_id)
        return recording if state == State.WAITING else None


def fetch_recording(tenant_id: UUID, recording_id: UUID, *, now: datetime) -> float | None:
    """Copy one waiting recording. Returns the seconds after which to try again, None when done.

    Talks to Twilio, so it must run outside any transaction. A second worker finds the lease taken.
    Raises `Deleted`.
    """
    with tenant_transaction(tenant_id):
        taken = Recording.objects.filter(
            pk=recording_id, state=State.WAITING, next_attempt_at__lte=now
        ).update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1)
        if not taken:
            return None
        recording = Recording.objects.get(pk=recording_id)
    try:
        account = account_for(tenant_id, recording.account_sid)
        with gateway.open_recording(
            account, recording.sid, channels=recording.channels
        ) as response:
            expected = response.headers.get("Content-Length", "")
            saved = _save(
                recording, response.iter_content(65536), int(expected) if expected else None
            )
    except TwilioNotConfigured:
        gone = BadMedia("The Twilio account of this recording is no longer connected.")
        return _postpone(recording, gone, now)
    except (gateway.TwilioError, BadMedia, OSError) as error:
        return _postpone(recording, error, now)
    _note_stored(recording, saved, now)
    return None


def store(recording: Recording, audio: bytes, *, now: datetime) -> None:
    """Keep audio that is here already, as if it had been fetched."""
    _note_stored(recording, _save(recording, [audio], len(audio)), now)


def _note_stored(recording: Recording, saved: tuple[str, int, str], now: datetime) -> None:
    path, size, digest = saved
    with tenant_transaction(recording.tenant_id):
        # The call first, as whoever hears of the recording does; its `has_recording` is written.
        CallLog.objects.select_for_update(no_key=True).filter(pk=recording.call_id).first()
        is_there = Recording.objects.filter(pk=recording.pk).update(
            state=State.STORED,
            path=path,
            size=size,
            sha256=digest,
            stored_at=now,
            next_attempt_at=None,
            error="",
            # Once, also where it was lost and is fetched again.
            tell_at=Case(When(is_voicemail=True, stored_at=None, then=Value(now))),
        )
        if not is_there:
            raise Deleted(path)
        announce_call(recording.call_id)


def make_sure(recording: Recording) -> None:
    """That a stored recording's file is there, and whole. Asks the store, so it must run outside
    any transaction.

    Raises `Unreadable`, and then it is fetched anew: a disk was lost, or an older backup was put
    back; and `StoreAway` when that cannot be known.
    """
    size = stores.recordings().size(recording.path)
    if size == recording.size:
        return
    error = "its file is gone" if size is None else "its file has another length"
    logger.error("Recording %s cannot be read (%s) and is fetched again", recording.sid, error)
    with tenant_transaction(recording.tenant_id):
        ask_again(Recording.objects.filter(pk=recording.pk), of=(State.STORED,))
    raise Unreadable(error)


def ask_again(
    recordings: QuerySet[Recording],
    *,
    of: tuple[str, ...] = (State.FAILED, State.WAITING),
) -> list[Recording]:
    """Fetch those of the given states now, as if they had just been made; returns them."""
    found = list(recordings.select_for_update().filter(state__in=of))
    for recording in found:
        recording.state, recording.attempts = State.WAITING, 0
        recording.next_attempt_at, recording.error = timezone.now(), ""
        recording.save(update_fields=["state", "attempts", "next_attempt_at", "error"])
        announce_call(recording.call_id)
    return found


def _save(
    recording: Recording, chunks: Iterable[bytes], expected: int | None
) -> tuple[str, int, str]:
    """Write the audio to RECORDINGS_DIR, check it, then keep it. (path, bytes, sha256)."""
    relative = f"{recording.tenant_id.hex}/{recording.pk.hex}.wav"
    final: Path = settings.RECORDINGS_DIR / relative
    # The group may be the proxy's, which sends the file (docs/operating.md, “Recordings”).
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    # Each writer its own: two may be at it when somebody has asked for it again.
    partial = final.with_suffix(f".{uuid4().hex}.partial")
    digest, size = hashlib.sha256(), 0
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise BadMedia("The recording is larger than 2 GiB.")
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if expected is not None and size != expected:
            raise BadMedia(f"The download was cut short: {size} of {expected} bytes.")
        with partial.open("rb") as file:
            head = file.read(12)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            raise BadMedia("What came is not WAV audio.")
        stores.recordings().keep(relative, partial)
        _clear_away(final)
    finally:
        partial.unlink(missing_ok=True)
    return relative, size, digest.hexdigest()


def _clear_away(final: Path) -> None:
    """What workers left that were killed at it."""
    for left in final.parent.glob(f"{final.stem}.*partial"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < timezone.now().timestamp() - LEASE.total_seconds():
                left.unlink()


def _postpone(recording: Recording, error: Exception, now: datetime) -> float | None:
    logger.warning("Recording %s could not be fetched: %s", recording.sid, error)
    wait = min(LONGEST_WAIT, 2.0**recording.attempts)
    gave_up = recording.attempts >= MAX_ATTEMPTS
    with tenant_transaction(recording.tenant_id):
        # Only while it is ours: after its lease another worker may have it, or have stored it.
        mine = Recording.objects.filter(
            pk=recording.pk, state=State.WAITING, attempts=recording.attempts
        ).update(
            state=State.FAILED if gave_up else State.WAITING,
            next_attempt_at=None if gave_up else now + timedelta(seconds=wait),
            error=str(error)[:200],
        )
        if mine and gave_up:
            announce_call(recording.call_id)
    return None if gave_up or not mine else wait
