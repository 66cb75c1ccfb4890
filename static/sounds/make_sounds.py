"""Write the fifteen sounds that the voice SDK asks for, and the ring back tones of those who call
us, as 8 kHz 16-bit mono WAV files.

Run it from anywhere: `python static/sounds/make_sounds.py`. The keys sound as on a real phone
(pairs of frequencies in Hz after ITU-T Q.23); the rest are short and quiet.
"""

import math
import struct
import wave
from pathlib import Path

RATE = 8000
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = {
    key: (ROWS[i // 3], COLUMNS[i % 3])
    for i, key in enumerate(["1", "2", "3", "4", "5", "6", "7", "8", "9", "s", "0", "h"])
}


def tone(seconds, *frequencies, volume=0.2):
    """Samples between -1 and 1; 8 ms of fade at both ends, so that nothing clicks."""
    count, fade = int(seconds * RATE), int(0.008 * RATE)
    for i in range(count):
        edge = min(1.0, i / fade, (count - 1 - i) / fade)
        wave_sum = sum(math.sin(2 * math.pi * f * i / RATE) for f in frequencies)
        yield volume * edge * wave_sum / max(1, len(frequencies))


def silence(seconds):
    return tone(seconds)


SOUNDS = {
    "incoming": [*tone(0.4, 440, 480), *silence(0.2), *tone(0.4, 440, 480), *silence(1.0)],
    "outgoing": [*tone(0.09, 523), *tone(0.12, 659)],
    "disconnect": [*tone(0.09, 523), *tone(0.12, 392)],
    # As North American exchanges ring, and most others do: a little less than their pause, as it
    # takes a moment until the next one begins.
    "ringback-1": [*tone(2.0, 440, 480), *silence(3.0)],
    "ringback-2": [*tone(1.0, 425), *silence(3.0)],
} | {f"dtmf{key}": list(tone(0.14, *pair)) for key, pair in KEYS.items()}


def main():
    for name, samples in SOUNDS.items():
        with wave.open(str(Path(__file__).parent / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", round(s * 32767)) for s in samples))


if __name__ == "__main__":
    main()
