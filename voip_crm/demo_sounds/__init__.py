"""The recordings of the demo's past calls and its voicemails, as `make_sounds.py` has made them."""

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
    """A WAV file of so many `channels`; `seconds` as Twilio says them."""

    audio: bytes
    seconds: int
    channels: int


@dataclass(frozen=True)
class Talk:
    """A recorded call's people, by name."""

    agent: str
    contact: str
    sound: Sound


# (workspace, serial of a past call) → (agent, contact, file).
_TALKS = {
    ("acme", 0): ("Bob Baker", "Maria Gonzalez", "delivery"),
    ("acme", 4): ("Alice Ames", "Liam O'Connor", "later"),
    ("borealis", 0): ("Charlie Cole", "Ingrid Nilsen", "contract"),
}


def talk_of(workspace: str, serial: int) -> Talk | None:
    """What was recorded of that call, if anything."""
    if (workspace, serial) not in _TALKS:
        return None
    agent, contact, name = _TALKS[workspace, serial]
    return Talk(agent, contact, named(name))


def named(name: str) -> Sound:
    audio = gzip.decompress(Path(__file__).with_name(f"{name}.wav.gz").read_bytes())
    with wave.open(io.BytesIO(audio)) as file:
        seconds = round(file.getnframes() / file.getframerate())
        return Sound(audio, seconds, file.getnchannels())


def record(
    call: CallLog,
    sound: Sound,
    *,
    account_sid: str,
    sid: str,
    now: datetime,
    is_voicemail: bool = False,
) -> Recording:
    """As if Twilio had told of it at `now`, and it had been fetched. Nobody is mailed about it."""
    recording = recordings.note_recording(
        call.tenant_id,
        call_id=call.pk,
        call_sid=call.twilio_call_sid or "",
        account_sid=account_sid,
        sid=sid,
        status="completed",
        duration=sound.seconds,
        channels=sound.channels,
        now=now,
        is_voicemail=is_voicemail,
    )
    if recording is None:
        raise ValueError(f"There is a recording {sid} already.")
    recordings.store(recording, sound.audio, now=now)
    Recording.objects.filter(pk=recording.pk).update(created_at=now, tell_at=None)
    return recording
