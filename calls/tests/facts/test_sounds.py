"""A file of sound is known by its own bytes, and one that callers could not hear is refused."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.facts import sounds
from calls.facts.sounds import MP3, WAV, BadSound


def wav(seconds: float, *, rate: int = 8000, width: int = 2, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, width, rate, 0, "NONE", ""))
        out.writeframes(bytes(int(rate * seconds) * width * channels))
    return file.getvalue()


def mp3(frames: int, *, tags: bytes = b"", bits: int = 9) -> bytes:
    """MPEG 1, layer III, 44.1 kHz; 128 kbit/s."""
    head = struct.pack(">I", 0xFFFB0000 | bits << 12)
    length = 144 * (0, 32, 40, 48, 56, 64, 80, 96, 112, 128)[bits] * 1000 // 44100
    return tags + (head + bytes(length - 4)) * frames


def of_kind(form: int, bits: int) -> bytes:
    """A second of a WAV of another kind."""
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, form, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    body = head + struct.pack("<4sI", b"data", 8000 * bits // 8) + bytes(8000 * bits // 8)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


@pytest.mark.parametrize(
    ("data", "content_type", "seconds"),
    [
        (wav(2), WAV, 2),
        (wav(2.5, rate=44100, channels=2), WAV, 3),
        (wav(1, width=1), WAV, 1),
        (of_kind(7, 8), WAV, 1),
        (of_kind(6, 8), WAV, 1),
        (mp3(383), MP3, 11),
        (mp3(383, tags=b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)), MP3, 11),
        (mp3(383) + b"TAG" + bytes(125), MP3, 11),
    ],
)
def test_what_callers_can_hear_is_read(data: bytes, content_type: str, seconds: int) -> None:
    found = sounds.read(data)
    assert (found.content_type, found.seconds) == (content_type, seconds)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Choose a WAV or MP3 file."),
        (b"<html>No sound</html>", "Choose a WAV or MP3 file."),
        (b"\xff\xfb\x90\x00" + bytes(4000), "Choose a WAV or MP3 file."),
        (mp3(1), "Choose a WAV or MP3 file."),
        (wav(0), "There is no sound in this file."),
        (wav(1)[:-500], "The file is cut short. Upload it again."),
        (b"RIFF\0\0\0\0WAVE", "The file is damaged."),
        (of_kind(3, 32), "Callers can’t hear this kind of WAV."),
        (wav(1, width=3), "Callers can’t hear this kind of WAV."),
        (wav(1, rate=96000), "Callers can’t hear this kind of WAV."),
        (wav(601, width=1), "The sound is longer than 10 minutes."),
        (bytes(sounds.MOST_BYTES + 1), "The file is larger than 12 MB."),
    ],
)
def test_what_they_could_not_is_refused_with_what_helps(data: bytes, message: str) -> None:
    with pytest.raises(BadSound, match=message):
        sounds.read(data)


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"ID3", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xfb"])
)
def test_no_bytes_break_it(data: bytes, begins: bytes) -> None:
    try:
        assert sounds.read(begins + data).seconds > 0
    except BadSound:
        pass
