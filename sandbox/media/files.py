"""Sound files: WAV and MP3."""

from __future__ import annotations

import io
import wave
from array import array

import av

from sandbox.media.audio import RATE, Samples, mix


def to_wav(first: Samples, second: Samples | None) -> bytes:
    """A 16-bit WAV file of one or two channels."""
    frames = first
    if second is not None:
        frames = array("h", bytes(4 * len(first)))
        frames[::2], frames[1::2] = first, second
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1 if second is None else 2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(frames.tobytes())
    return out.getvalue()


def to_mono(data: bytes) -> bytes:
    """Both channels of a WAV file as one."""
    with wave.open(io.BytesIO(data)) as file:
        frames = array("h", file.readframes(file.getnframes()))
    return to_wav(mix([frames[::2], frames[1::2]]), None)


def to_mp3(data: bytes) -> bytes:
    """Encode a WAV file."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp3") as target:
        channels = source.streams.audio[0].codec_context.channels
        layout = "stereo" if channels == 2 else "mono"
        stream = target.add_stream("libmp3lame", rate=RATE, layout=layout)
        resampler = av.AudioResampler(format="s16p", layout=layout, rate=RATE)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return out.getvalue()
