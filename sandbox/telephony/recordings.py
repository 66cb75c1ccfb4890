"""Recordings: captured on the clock, kept as WAV under ``data_dir``, reported like Twilio's."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sandbox.config import Account
from sandbox.ids import new_sid, now, rfc2822
from sandbox.media.audio import FRAME, RATE, SILENCE, Samples, mix
from sandbox.media.files import to_mono, to_mp3, to_wav
from sandbox.telephony.callbacks import RecordingCallback
from sandbox.wire.webhooks import Params

# Dual: channel 1 is what the recorded leg's person says, channel 2 what that person hears.
# For a contact's leg: 1 the contact, 2 the agent. Twilio's order is to be measured live.
QUIET_LEVEL = 200
TOO_SHORT = 16101


@dataclass
class Recording:
    """One RE… resource and its sound while it is captured."""

    account: Account
    call_sid: str | None
    conference_sid: str | None
    source: str
    channels: int
    base_url: str
    track: str = "both"
    callback: RecordingCallback = field(default_factory=RecordingCallback)
    sid: str = field(default_factory=lambda: new_sid("RE"))
    status: str = "in-progress"
    skip_when_paused: bool = False
    trim: bool = False
    started: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    duration: int | None = None
    error_code: int | None = None
    path: Path | None = None
    _first: Samples = field(default_factory=lambda: array("h"))
    _second: Samples = field(default_factory=lambda: array("h"))

    @property
    def running(self) -> bool:
        """Still captures or may go on."""
        return self.status in ("in-progress", "paused")

    @property
    def seconds(self) -> float:
        """Length so far."""
        return len(self._first) / RATE

    def feed(self, said: Samples, heard: Samples) -> None:
        """20 ms of both directions."""
        if self.status == "paused":
            if self.skip_when_paused:
                return
            said = heard = SILENCE
        if self.track == "inbound":
            heard = SILENCE
        elif self.track == "outbound":
            said = SILENCE
        if self.channels == 2:
            self._first.extend(said)
            self._second.extend(heard)
        else:
            self._first.extend(mix([said, heard]))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of it: silence is taken away, and nobody has said anything."""
        return self.trim and self.channels == 1 and not self._trimmed()

    def _trimmed(self) -> Samples:
        """Without the silence before and after the sound."""
        frames = range(0, len(self._first), FRAME)
        loud = [at for at in frames if max(self._first[at : at + FRAME]) > QUIET_LEVEL]
        return self._first[loud[0] : loud[-1] + FRAME] if loud else self._first[:0]

    def save(self, folder: Path) -> None:
        """Write the file and settle status and duration; nothing captured is ``absent``."""
        self.updated = now()
        if self.trim and self.channels == 1:
            self._first = self._trimmed()
        self.duration = round(self.seconds)
        if self.seconds < 0.1:
            self.status, self.duration, self.error_code = "absent", 0, TOO_SHORT
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{self.sid}.wav"
        self.path.write_bytes(to_wav(self._first, self._second if self.channels == 2 else None))
        self.status = "completed"
        self._first, self._second = array("h"), array("h")

    @property
    def url(self) -> str:
        """The media URL, without extension as Twilio posts it."""
        return f"{self.base_url}/2010-04-01/Accounts/{self.account.sid}/Recordings/{self.sid}"

    def params(self) -> Params:
        """The fields of a recording status callback."""
        found = {
            "AccountSid": self.account.sid,
            "RecordingSid": self.sid,
            "RecordingUrl": self.url,
            "RecordingStatus": self.status,
            "RecordingChannels": str(self.channels),
            "RecordingStartTime": rfc2822(self.started) or "",
            "RecordingSource": self.source,
            "RecordingTrack": self.track,
        }
        if self.conference_sid:
            found["ConferenceSid"] = self.conference_sid
        else:
            found["CallSid"] = self.call_sid or ""
        if self.duration is not None:
            found["RecordingDuration"] = str(self.duration)
        if self.error_code is not None:
            found["ErrorCode"] = str(self.error_code)
        return found

    def media(self, kind: str, channels: int | None) -> bytes:
        """The file as ``wav`` or ``mp3``. Raises ValueError when dual is asked of a mono one."""
        if self.path is None:
            raise ValueError("there is no file")
        if channels == 2 and self.channels == 1:
            raise ValueError("dual-channel is not available for this recording")
        data = self.path.read_bytes()
        if channels == 1 and self.channels == 2:
            data = to_mono(data)
        return data if kind == "wav" else to_mp3(data)
