"""What callers hear is there in each language, and is said by a voice of that language."""

import re

import pytest

from calls.facts.inbound import spoken
from calls.facts.inbound.spoken import Phrase


@pytest.mark.parametrize("language", spoken._TEXTS)
def test_each_language_has_all_phrases(language: str) -> None:
    texts = spoken._TEXTS[language]
    assert set(texts) == set(Phrase)
    for phrase, text in texts.items():
        named = set(re.findall(r"{(\w+)}", text))
        assert named == set(re.findall(r"{(\w+)}", spoken._TEXTS["en"][phrase])), phrase
        assert len(text) < 200 and text == text.strip()


def test_phrases_of_two_languages_differ() -> None:
    for phrase in Phrase:
        said = [texts[phrase] for texts in spoken._TEXTS.values()]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("language", "spoken_in"),
    [
        ("de-DE", "de-DE"),
        ("de-CH", "de-DE"),
        ("de", "de-DE"),
        ("en-IE", "en-US"),
        ("fr-CA", "fr-CA"),
        ("pl-PL", "pl-PL"),
        ("tlh", "en-US"),
        ("", "en-US"),
    ],
)
def test_a_text_is_spoken_in_the_nearest_language(language: str, spoken_in: str) -> None:
    voice = spoken.voice(language)
    assert (voice.language, voice.name) == (spoken_in, spoken.VOICES[spoken_in])


def test_our_words_and_the_voice_that_says_them_are_of_one_language() -> None:
    voice, text = spoken.say("de-AT", Phrase.PLACE, place=3)
    assert voice.language == "de-AT" and text == "Sie sind auf Platz 3 der Warteschlange."
    voice, text = spoken.say("pl-PL", Phrase.GOODBYE)
    assert voice.language == "en-US" and text == "Goodbye."


def test_voices_are_twilios() -> None:
    for language, name in spoken.VOICES.items():
        assert re.fullmatch(r"[a-z]{2}-[A-Z]{2}", language)
        assert re.fullmatch(r"Polly\.[A-Z][a-z]+(-Neural)?", name)
