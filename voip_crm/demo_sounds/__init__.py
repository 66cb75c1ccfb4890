"""The recordings of the demo's past calls, as `make_sounds.py` beside them has made them."""

import gzip
import io
import wave
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from calls.models import CallLog, Recording
from calls.services import recordings


@dataclass(frozen=True)
class Sound:
    """A recording's WAV file; `seconds` as Twilio says them, `agent` and `contact` by name."""

    agent: str
    contact: str
    audio: bytes
    seconds: int


# (workspace, serial of a past call) → (agent, contact, file).
_SOUNDS = {
    ("acme", 0): ("Bob Baker", "Maria Gonzalez", "delivery"),
    ("acme", 4): ("Alice Ames", "Liam O'Connor", "later"),
    ("borealis", 0): ("Charlie Cole", "Ingrid Nilsen", "contract"),
}


def sound_of(workspace: str, serial: int) -> Sound | None:
    """What was recorded of that call, if anything."""
    if (workspace, serial) not in _SOUNDS:
        return None
    agent, contact, name = _SOUNDS[workspace, serial]
    audio = gzip.decompress(Path(__file__).with_name(f"{name}.wav.gz").read_bytes())
    with wave.open(io.BytesIO(audio)) as file:
        return Sound(agent, contact, audio, round(file.getnframes() / file.getframerate()))


def record(call: CallLog, sound: Sound, *, account_sid: str, sid: str, now: datetime) -> None:
    """As if Twilio had told of it at `now`, and it had been fetched."""
    recording = recordings.note_recording(
        call.tenant_id,
        call_id=call.pk,
        call_sid=call.twilio_call_sid or "",
        account_sid=account_sid,
        sid=sid,
        status="completed",
        duration=sound.seconds,
        channels=2,
        now=now,
    )
    if recording is None:
        raise ValueError(f"There is a recording {sid} already.")
    recordings.store(recording, sound.audio, now=now)
    Recording.objects.filter(pk=recording.pk).update(created_at=now)
