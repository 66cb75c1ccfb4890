"""Sound as 20 ms frames of 160 samples: 8 kHz, mono, signed 16 bit."""

from __future__ import annotations

import io
import math
from array import array
from collections import deque
from functools import cache
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    Samples = array[int]
else:
    Samples = array  # array.array cannot be subscripted before Python 3.12

RATE = 8000
FRAME = 160
FRAME_SECONDS = FRAME / RATE
SILENCE: Samples = array("h", bytes(2 * FRAME))


def mix(frames: list[Samples]) -> Samples:
    """The sum, clipped."""
    if not frames:
        return SILENCE
    if len(frames) == 1:
        return frames[0]
    return array(
        "h",
        [
            -32768 if total < -32768 else 32767 if total > 32767 else total
            for total in map(sum, zip(*frames, strict=True))
        ],
    )


def tone(seconds: float, *hertz: float, level: int = 4000) -> Samples:
    """Sines together, each of amplitude ``level``, with 5 ms ramps against clicks."""
    count = int(seconds * RATE)
    out = array("h", bytes(2 * count))
    for n in range(count):
        ramp = min(1.0, n / 40, (count - n) / 40)
        out[n] = int(ramp * level * sum(math.sin(2 * math.pi * f * n / RATE) for f in hertz))
    return out


def silence(seconds: float) -> Samples:
    """Nothing, for a while."""
    return array("h", bytes(2 * int(seconds * RATE)))


@cache
def ringback() -> Samples:
    """North American ringing: 2 s on, 4 s off."""
    return tone(2, 440, 480) + silence(4)


@cache
def hold_music() -> Samples:
    """A soft arpeggio for whoever waits."""
    notes = (262, 330, 392, 523, 392, 330)
    return sum((tone(0.4, note, level=2500) for note in notes), start=array("h"))


@cache
def beep() -> Samples:
    """The tone before a voicemail."""
    return tone(0.4, 1000)


@cache
def dtmf(digits: str) -> Samples:
    """Keys as they sound: 0.1 s each; ``w`` is half a second of silence, ``W`` a whole one."""
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    out: Samples = array("h")
    for key in digits:
        if key in "wW":
            out += silence(0.5 if key == "w" else 1)
            continue
        row, column = divmod("123A456B789C*0#D".index(key), 4)
        out += tone(0.1, rows[row], columns[column], level=3000) + silence(0.1)
    return out


@cache
def speech(text: str) -> Samples:
    """Stands for a spoken text: one tone burst a word, about 0.06 s a letter."""
    out: Samples = array("h")
    for word in text.split()[:200]:
        out += _burst(len(word), 180 + 20 * (sum(map(ord, word)) % 8))
    return out


@cache
def _burst(letters: int, pitch: int) -> Samples:
    return tone(0.06 * letters, pitch, 2 * pitch, level=3000) + silence(0.06)


@cache
def greeting() -> Samples:
    """What a pretend person says on answering, and the pause after it."""
    path = Path(__file__).parent / "sounds" / "greeting.wav"
    return decode(path.read_bytes()) + silence(1)


def decode(data: bytes) -> Samples:
    """Any sound file as samples. Raises ValueError if it is none."""
    out: Samples = array("h")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    try:
        with av.open(io.BytesIO(data), "r") as container:
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    out.frombytes(bytes(part.planes[0])[: 2 * part.samples])
            for part in resampler.resample(None):
                out.frombytes(bytes(part.planes[0])[: 2 * part.samples])
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"not a sound file: {error}") from None
    return out


class Clip:
    """Samples to be played frame by frame, once or for ever."""

    def __init__(self, samples: Samples, *, loop: bool = False) -> None:
        self._samples = samples
        self._loop = loop and len(samples) > 0
        self._at = 0

    def next(self) -> Samples | None:
        """The next frame, padded with silence; None when it is over."""
        frame = self._samples[self._at : self._at + FRAME]
        self._at += FRAME
        if self._loop and self._at >= len(self._samples):
            self._at = 0
        if not frame:
            return None
        if len(frame) < FRAME:
            frame += SILENCE[: FRAME - len(frame)]
        return frame


class Ear:
    """Measures sound that goes by. Levels are of signed 16-bit samples (0-32767)."""

    SILENT_BELOW = 50
    TONE_FRAMES = 25  # half a second
    _SIGNS = bytes(byte >> 7 for byte in range(256))

    def __init__(self) -> None:
        # [second, hertz] where it changed, to half a second; 0 Hz stands for silence
        self.tones: list[list[float]] = []
        self._frames = 0
        self._squares = 0
        self._peak = 0
        self._last: deque[Samples] = deque(maxlen=RATE // FRAME)
        self._rises = 0
        self._window_squares = 0
        self._sign = b"\0"

    def hear(self, frame: Samples) -> None:
        """One more frame."""
        self._frames += 1
        self._last.append(frame)
        if frame is not SILENCE:
            squares = sum(map(mul, frame, frame))
            self._squares += squares
            self._window_squares += squares
            self._peak = max(self._peak, max(frame), -min(frame))
            # The upper byte of a little-endian sample has its sign.
            signs = self._sign + frame.tobytes()[1::2].translate(self._SIGNS)
            self._rises += signs.count(b"\1\0")
            self._sign = signs[-1:]
        if self._frames % self.TONE_FRAMES == 0:
            self._note_tone()

    def _note_tone(self) -> None:
        """Of the last half second, by its zero crossings: exact for a tone, a guess for speech."""
        loud = self._window_squares > self.SILENT_BELOW**2 * FRAME * self.TONE_FRAMES
        hertz = round(self._rises / (self.TONE_FRAMES * FRAME_SECONDS)) if loud else 0
        self._rises = self._window_squares = 0
        before = self.tones[-1][1] if self.tones else -1
        if abs(hertz - before) > 10 or (hertz == 0) != (before == 0):
            second = (self._frames - self.TONE_FRAMES) * FRAME_SECONDS
            self.tones = [*self.tones[-199:], [round(second, 1), hertz]]

    def report(self) -> dict[str, Any]:
        """``seconds rms peak rms_last_second dominant_hz silent``; 0 Hz stands for silence."""
        last = array("h", b"".join(frame.tobytes() for frame in self._last))
        recent = math.sqrt(sum(map(mul, last, last)) / len(last)) if last else 0.0
        silent = recent < self.SILENT_BELOW
        return {
            "seconds": round(self._frames * FRAME_SECONDS, 2),
            "rms": round(math.sqrt(self._squares / (self._frames * FRAME)), 1)
            if self._frames
            else 0.0,
            "peak": self._peak,
            "rms_last_second": round(recent, 1),
            "dominant_hz": 0 if silent else dominant_hz(last),
            "silent": silent,
        }


def dominant_hz(samples: Samples) -> int:
    """The strongest frequency of the last half second, to 2 Hz."""
    size = 4096
    block = samples[-size:]
    padded = [complex(s) for s in block] + [0j] * (size - len(block))
    half = _fft(padded)[: size // 2]
    return round(max(range(1, size // 2), key=lambda k: abs(half[k])) * RATE / size)


def _fft(values: list[complex]) -> list[complex]:
    count = len(values)
    if count == 1:
        return values
    even, odd = _fft(values[::2]), _fft(values[1::2])
    turned = [
        complex(math.cos(angle), math.sin(angle)) * odd[k]
        for k, angle in ((k, -2 * math.pi * k / count) for k in range(count // 2))
    ]
    return [e + t for e, t in zip(even, turned, strict=True)] + [
        e - t for e, t in zip(even, turned, strict=True)
    ]
