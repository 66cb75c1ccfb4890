"""What a file of sound is, by its own bytes: whether callers can hear it, for how long. Pure.

WAV (PCM of 8 or 16 bits, or the telephone's G.711) and MP3, which is what Twilio plays.
"""

import struct
from dataclasses import dataclass

WAV, MP3 = "audio/wav", "audio/mpeg"
LONGEST = 600  # seconds
MOST_BYTES = 12 * 1024 * 1024
_UNKNOWN = "Choose a WAV or MP3 file."
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE


class BadSound(ValueError):
    """The file can't be played to callers; the message says why, and what helps."""


@dataclass(frozen=True)
class SoundFacts:
    """`seconds` are whole ones, rounded up."""

    content_type: str
    seconds: int

    @property
    def ending(self) -> str:
        return "wav" if self.content_type == WAV else "mp3"


def read(data: bytes) -> SoundFacts:
    """Raises `BadSound`."""
    if len(data) > MOST_BYTES:
        raise BadSound(f"The file is larger than {MOST_BYTES // 2**20} MB. Save it as MP3.")
    is_wav = data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    content_type, seconds = (WAV, _wav(data)) if is_wav else (MP3, _mp3(data))
    if seconds > LONGEST:
        raise BadSound(f"The sound is longer than {LONGEST // 60} minutes. Shorten it.")
    if seconds < 0.1:
        raise BadSound("There is no sound in this file.")
    return SoundFacts(content_type, int(-(-seconds // 1)))


def _wav(data: bytes) -> float:
    """Its length in seconds."""
    place, per_second = 12, 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        body = place + 8
        if kind == b"fmt " and body + 16 <= len(data):
            per_second = _bytes_per_second(data, body)
        elif kind == b"data":
            if not per_second:
                break
            # What was recorded live says that it is as long as can be.
            if size > len(data) - body and size < 0x7FFFFFFF:
                raise BadSound("The file is cut short. Upload it again.")
            return float(min(size, len(data) - body) / per_second)
        place = body + size + size % 2
    raise BadSound("The file is damaged. Save it again as WAV or MP3.")


def _bytes_per_second(data: bytes, place: int) -> int:
    form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, place)
    if form == _EXTENSIBLE and place + 26 <= len(data):
        (form,) = struct.unpack_from("<H", data, place + 24)
    is_known = (form == _PCM and bits in (8, 16)) or (form in (_ALAW, _ULAW) and bits == 8)
    if not is_known or channels not in (1, 2) or not 8000 <= rate <= 48000:
        raise BadSound("Callers can’t hear this kind of WAV. Save it as 16-bit PCM, or as MP3.")
    return int(rate * channels * bits // 8)


_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# kbit/s of layer III, by whether it is MPEG 1.
_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mp3(data: bytes) -> float:
    """Its length in seconds, frame by frame: its bit rate may change."""
    place = _after_tags(data)
    seconds, frames = 0.0, 0
    while place + 4 <= len(data):
        frame = _frame(data, place)
        if frame is None:
            break
        length, lasts = frame
        place, seconds, frames = place + length, seconds + lasts, frames + 1
    # Two frames in a row are no accident. What remains may be tags, and no more than that.
    if frames < 2 or len(data) - place > max(4096, len(data) // 10):
        raise BadSound(_UNKNOWN)
    return seconds


def _after_tags(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _frame(data: bytes, place: int) -> tuple[int, float] | None:
    """(bytes, seconds) of the frame there, if there is one."""
    (head,) = struct.unpack_from(">I", data, place)
    version, layer = head >> 19 & 3, head >> 17 & 3
    bits, rates, pads = head >> 12 & 15, head >> 10 & 3, head >> 9 & 1
    if head >> 21 != 0x7FF or version == 1 or layer != 1 or bits in (0, 15) or rates == 3:
        return None
    is_first = version == 3
    rate, samples = _RATES[version][rates], 1152 if is_first else 576
    length = samples // 8 * _BIT_RATES[is_first][bits] * 1000 // rate + pads
    return length, samples / rate
