"""Write the recordings of the demo's past calls, two people on the telephone, and the messages that
callers left; spoken by flite.

Run it where `flite` is (on Debian a package of that name):
`python voip_crm/demo_sounds/make_sounds.py`. Like Twilio's they are WAV files of 8 kHz and 16 bit,
of a call with the contact on the first channel and the agent on the second; gzip leaves a quarter.
"""

import gzip
import io
import math
import subprocess
import tempfile
import wave
from array import array
from pathlib import Path

RATE = 8000
PAUSE = 0.35  # seconds between two who speak
CONTACT, AGENT = 0, 1
# Who speaks with which of flite's voices, and what, in turn.
TALKS = {
    "delivery": (
        {CONTACT: "slt", AGENT: "rms"},
        [
            (CONTACT, "Sunrise Foods, Maria speaking."),
            (AGENT, "Hello Maria, this is Bob from Acme. Your order has left our warehouse."),
            (CONTACT, "Wonderful. When will it be here?"),
            (AGENT, "Tomorrow, before noon."),
            (CONTACT, "Thank you, Bob. Good bye."),
        ],
    ),
    "later": (
        {CONTACT: "awb", AGENT: "slt"},
        [
            (CONTACT, "Harbour Coffee, hello?"),
            (AGENT, "Hi Liam, it's Alice from Acme. Is this a good time?"),
            (CONTACT, "I have a customer here. Can you call me again at four?"),
            (AGENT, "Of course. Talk to you at four."),
        ],
    ),
    "contract": (
        {CONTACT: "slt", AGENT: "awb"},
        [
            (CONTACT, "Fjord Energy, Ingrid speaking."),
            (AGENT, "Hello Ingrid, Charlie from Borealis. Did the contract reach you?"),
            (CONTACT, "Yes, we have signed it today."),
            (AGENT, "That is good news. Thank you, and good bye."),
        ],
    ),
}
# Who leaves a message with which voice, and what, sentence by sentence.
MESSAGES = {
    "call-back": (
        "slt",
        [
            "Hello, this is Maria from Sunrise Foods.",
            "The delivery was perfect, thank you.",
            "Please call me back about the next order.",
        ],
    ),
    "at-four": (
        "awb",
        ["Hi, it's Liam from Harbour Coffee.", "Four o'clock is fine. Talk to you then."],
    ),
}


def spoken(text: str, voice: str) -> list[int]:
    """The text as samples of 8 kHz, as loud as a telephone is."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice, "-t", text, "-o", file.name]
        subprocess.run(command, check=True)  # nosec B603 - ours
        with wave.open(file.name) as source:
            step = source.getframerate() // RATE
            samples = array("h", source.readframes(source.getnframes()))
    loudest = max(map(abs, samples))
    return [coarse(round(sample / loudest * 20000)) for sample in slower(samples, step)]


def slower(samples: "array[int]", step: int) -> list[float]:
    """Every `step`th sample, without what is too high for that (a windowed sinc)."""
    reach = 24
    taps = [
        (math.sin(math.pi * k / step) / (math.pi * k) if k else 1 / step)
        * (0.54 + 0.46 * math.cos(math.pi * k / reach))
        for k in range(-reach, reach + 1)
    ]
    padded = [0] * reach + list(samples) + [0] * reach
    return [
        sum(tap * padded[at + k] for k, tap in enumerate(taps))
        for at in range(0, len(samples), step)
    ]


def coarse(sample: int) -> int:
    """As the network's own code leaves it: 16 steps within each doubling (G.711's µ-law)."""
    size = abs(sample) + 132
    step = 1 << max(0, size.bit_length() - 5)
    size = size // step * step + step // 2 - 132
    return max(0, size) if sample >= 0 else -max(0, size)


def talk(voices: dict[int, str], lines: list[tuple[int, str]]) -> bytes:
    """A recording's WAV file."""
    pause = [0] * int(PAUSE * RATE)
    channels: list[list[int]] = [[], []]
    for who, text in lines:
        said = spoken(text, voices[who]) + pause
        channels[who] += said
        channels[1 - who] += [0] * len(said)
    return wav(channels)


def message(voice: str, sentences: list[str]) -> bytes:
    """A voicemail's WAV file."""
    pause = [0] * int(PAUSE * RATE)
    return wav([[sample for text in sentences for sample in [*spoken(text, voice), *pause]]])


def wav(channels: list[list[int]]) -> bytes:
    """Of channels of the same length, in whole seconds: every player shows the same length."""
    for channel in channels:
        channel += [0] * (-len(channel) % RATE)
    frames = array("h", bytes(2 * len(channels) * len(channels[0])))
    for number, channel in enumerate(channels):
        frames[number :: len(channels)] = array("h", channel)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(frames.tobytes())
    return out.getvalue()


def main() -> None:
    sounds = {name: talk(voices, lines) for name, (voices, lines) in TALKS.items()}
    sounds |= {name: message(voice, sentences) for name, (voice, sentences) in MESSAGES.items()}
    for name, sound in sounds.items():
        Path(__file__).with_name(f"{name}.wav.gz").write_bytes(gzip.compress(sound, mtime=0))


if __name__ == "__main__":
    main()
