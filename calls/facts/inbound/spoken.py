"""What callers hear, in the language of their line, and the voices that say it. Pure.

Twilio speaks with Amazon's voices. Those named here are in its own list for `<Say>`; a language
that is not is spoken by the one of the same tongue, else in English, and never fails.
"""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT = "en-US"
# A language, as BCP 47 has it, and the voice.
VOICES = {
    "en-US": "Polly.Joanna-Neural",
    "en-GB": "Polly.Amy-Neural",
    "en-AU": "Polly.Olivia-Neural",
    "en-NZ": "Polly.Aria-Neural",
    "en-ZA": "Polly.Ayanda-Neural",
    "en-IN": "Polly.Kajal-Neural",
    "de-DE": "Polly.Vicki-Neural",
    "de-AT": "Polly.Hannah-Neural",
    "fr-FR": "Polly.Lea-Neural",
    "fr-CA": "Polly.Gabrielle-Neural",
    "es-ES": "Polly.Lucia-Neural",
    "es-MX": "Polly.Mia-Neural",
    "es-US": "Polly.Lupe-Neural",
    "it-IT": "Polly.Bianca-Neural",
    "pt-BR": "Polly.Camila-Neural",
    "pt-PT": "Polly.Ines-Neural",
    "ca-ES": "Polly.Arlet-Neural",
    "nl-NL": "Polly.Lotte",
    "pl-PL": "Polly.Ewa",
    "sv-SE": "Polly.Astrid",
    "da-DK": "Polly.Naja",
    "nb-NO": "Polly.Liv",
    "tr-TR": "Polly.Filiz",
    "ja-JP": "Polly.Mizuki",
}


@dataclass(frozen=True)
class Voice:
    """`language` and `name` as `<Say>` takes them."""

    language: str
    name: str


class Phrase(StrEnum):
    """What we say ourselves; what a plan's blocks say is theirs."""

    NOT_YET = "not-yet"
    SORRY_VOICEMAIL = "sorry-voicemail"
    LEAVE_MESSAGE = "leave-message"
    THANKS = "thanks"
    NO_MESSAGE = "no-message"
    LATER = "later"
    CALLBACK = "callback"
    PRESS_CALLBACK = "press-callback"
    PRESS_MESSAGE = "press-message"
    NEXT = "next"
    PLACE = "place"
    GOODBYE = "goodbye"
    # For an agent, on their own telephone.
    RINGS = "rings"
    ANSWERED_BY = "answered-by"
    ANSWERED_HERE = "answered-here"
    NO_LONGER = "no-longer"
    DECLINED = "declined"
    CODE = "code"


_TEXTS = {
    "en": {
        Phrase.NOT_YET: "This number takes no calls yet. Goodbye.",
        Phrase.SORRY_VOICEMAIL: (
            "We’re sorry, we can’t connect your call right now."
            " Please leave a message after the tone, and we’ll call you back."
        ),
        Phrase.LEAVE_MESSAGE: "Please leave a message after the tone.",
        Phrase.THANKS: "Thank you for your message. Goodbye.",
        Phrase.NO_MESSAGE: "We didn’t hear a message. Goodbye.",
        Phrase.LATER: "We can’t take your call right now. Please call again later. Goodbye.",
        Phrase.CALLBACK: "Thank you. We’ll call you back. Goodbye.",
        Phrase.PRESS_CALLBACK: "To be called back, press {key}.",
        Phrase.PRESS_MESSAGE: "To leave a message, press {key}.",
        Phrase.NEXT: "You are next in line.",
        Phrase.PLACE: "You are number {place} in line.",
        Phrase.GOODBYE: "Goodbye.",
        Phrase.RINGS: "A call for {company} on {line}. Press 1 to take it, or 2 to decline.",
        Phrase.ANSWERED_BY: "{name} has answered this call. Goodbye.",
        Phrase.ANSWERED_HERE: "You’ve answered this call in your browser. Goodbye.",
        Phrase.NO_LONGER: "This call doesn’t ring for you any more. Goodbye.",
        Phrase.DECLINED: "Declined. Goodbye.",
        Phrase.CODE: "Your code for {company} is: {code}. Once more: {code}. Goodbye.",
    },
    "de": {
        Phrase.NOT_YET: "Unter dieser Nummer werden noch keine Anrufe angenommen. Auf Wiederhören.",
        Phrase.SORRY_VOICEMAIL: (
            "Leider können wir Sie gerade nicht verbinden. Bitte hinterlassen Sie nach dem"
            " Signalton eine Nachricht, wir rufen Sie zurück."
        ),
        Phrase.LEAVE_MESSAGE: "Bitte hinterlassen Sie nach dem Signalton eine Nachricht.",
        Phrase.THANKS: "Vielen Dank für Ihre Nachricht. Auf Wiederhören.",
        Phrase.NO_MESSAGE: "Wir haben keine Nachricht gehört. Auf Wiederhören.",
        Phrase.LATER: (
            "Wir können Ihren Anruf gerade nicht entgegennehmen. Bitte rufen Sie später noch einmal"
            " an. Auf Wiederhören."
        ),
        Phrase.CALLBACK: "Vielen Dank. Wir rufen Sie zurück. Auf Wiederhören.",
        Phrase.PRESS_CALLBACK: "Wenn wir Sie zurückrufen sollen, drücken Sie die {key}.",
        Phrase.PRESS_MESSAGE: "Um eine Nachricht zu hinterlassen, drücken Sie die {key}.",
        Phrase.NEXT: "Sie sind als Nächstes an der Reihe.",
        Phrase.PLACE: "Sie sind auf Platz {place} der Warteschlange.",
        Phrase.GOODBYE: "Auf Wiederhören.",
        Phrase.RINGS: (
            "Ein Anruf für {company} über {line}. Drücken Sie die 1, um ihn anzunehmen, oder die 2,"
            " um ihn abzulehnen."
        ),
        Phrase.ANSWERED_BY: "{name} hat diesen Anruf angenommen. Auf Wiederhören.",
        Phrase.ANSWERED_HERE: (
            "Sie haben diesen Anruf in Ihrem Browser angenommen. Auf Wiederhören."
        ),
        Phrase.NO_LONGER: "Dieser Anruf klingelt nicht mehr für Sie. Auf Wiederhören.",
        Phrase.DECLINED: "Abgelehnt. Auf Wiederhören.",
        Phrase.CODE: (
            "Ihr Code für {company} lautet: {code}. Noch einmal: {code}. Auf Wiederhören."
        ),
    },
    "fr": {
        Phrase.NOT_YET: "Ce numéro ne reçoit pas encore d’appels. Au revoir.",
        Phrase.SORRY_VOICEMAIL: (
            "Désolés, nous ne pouvons pas donner suite à votre appel pour le moment. Merci de"
            " laisser un message après le bip, nous vous rappellerons."
        ),
        Phrase.LEAVE_MESSAGE: "Merci de laisser un message après le bip.",
        Phrase.THANKS: "Merci pour votre message. Au revoir.",
        Phrase.NO_MESSAGE: "Nous n’avons pas entendu de message. Au revoir.",
        Phrase.LATER: (
            "Nous ne pouvons pas prendre votre appel pour le moment. Merci de rappeler plus tard."
            " Au revoir."
        ),
        Phrase.CALLBACK: "Merci. Nous vous rappellerons. Au revoir.",
        Phrase.PRESS_CALLBACK: "Pour être rappelé, tapez {key}.",
        Phrase.PRESS_MESSAGE: "Pour laisser un message, tapez {key}.",
        Phrase.NEXT: "Vous êtes le prochain appel.",
        Phrase.PLACE: "Vous êtes en position {place} dans la file d’attente.",
        Phrase.GOODBYE: "Au revoir.",
        Phrase.RINGS: (
            "Un appel pour {company} sur {line}. Tapez 1 pour le prendre, ou 2 pour le refuser."
        ),
        Phrase.ANSWERED_BY: "{name} a répondu à cet appel. Au revoir.",
        Phrase.ANSWERED_HERE: "Vous avez répondu à cet appel dans votre navigateur. Au revoir.",
        Phrase.NO_LONGER: "Cet appel ne sonne plus pour vous. Au revoir.",
        Phrase.DECLINED: "Appel refusé. Au revoir.",
        Phrase.CODE: "Votre code pour {company} est : {code}. Je répète : {code}. Au revoir.",
    },
    "es": {
        Phrase.NOT_YET: "Este número todavía no recibe llamadas. Adiós.",
        Phrase.SORRY_VOICEMAIL: (
            "Lo sentimos, en este momento no podemos atender su llamada. Deje un mensaje después de"
            " la señal y le devolveremos la llamada."
        ),
        Phrase.LEAVE_MESSAGE: "Deje un mensaje después de la señal.",
        Phrase.THANKS: "Gracias por su mensaje. Adiós.",
        Phrase.NO_MESSAGE: "No hemos oído ningún mensaje. Adiós.",
        Phrase.LATER: (
            "En este momento no podemos atender su llamada. Vuelva a llamar más tarde. Adiós."
        ),
        Phrase.CALLBACK: "Gracias. Le devolveremos la llamada. Adiós.",
        Phrase.PRESS_CALLBACK: "Para que le llamemos, pulse {key}.",
        Phrase.PRESS_MESSAGE: "Para dejar un mensaje, pulse {key}.",
        Phrase.NEXT: "Su llamada es la siguiente.",
        Phrase.PLACE: "Su llamada es la número {place} en la cola.",
        Phrase.GOODBYE: "Adiós.",
        Phrase.RINGS: (
            "Una llamada para {company} en {line}. Pulse 1 para atenderla, o 2 para rechazarla."
        ),
        Phrase.ANSWERED_BY: "{name} ha atendido esta llamada. Adiós.",
        Phrase.ANSWERED_HERE: "Ha atendido esta llamada en su navegador. Adiós.",
        Phrase.NO_LONGER: "Esta llamada ya no suena para usted. Adiós.",
        Phrase.DECLINED: "Rechazada. Adiós.",
        Phrase.CODE: "Su código para {company} es: {code}. Otra vez: {code}. Adiós.",
    },
}


def voice(language: str) -> Voice:
    """Who speaks a text in this language (BCP 47)."""
    return Voice(known := _nearest(language), VOICES[known])


def say(language: str, phrase: Phrase, **values: object) -> tuple[Voice, str]:
    """Our own words: in the language, else in English by an English voice."""
    texts = _TEXTS.get(_tongue(_nearest(language)))
    if texts is None:
        language, texts = DEFAULT, _TEXTS["en"]
    return voice(language), texts[phrase].format(**values)


def _nearest(language: str) -> str:
    if language in VOICES:
        return language
    tongue = _tongue(language)
    return next((known for known in VOICES if _tongue(known) == tongue), DEFAULT)


def _tongue(language: str) -> str:
    return language.partition("-")[0].lower()
