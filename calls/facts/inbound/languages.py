"""The languages in which texts can be read out to callers, as people choose them. Pure."""

# BCP 47 → its name, in the order of the names.
LANGUAGES = {
    "ca-ES": "Catalan",
    "da-DK": "Danish",
    "nl-NL": "Dutch",
    "en-AU": "English (Australia)",
    "en-IN": "English (India)",
    "en-NZ": "English (New Zealand)",
    "en-ZA": "English (South Africa)",
    "en-GB": "English (UK)",
    "en-US": "English (US)",
    "fr-CA": "French (Canada)",
    "fr-FR": "French (France)",
    "de-AT": "German (Austria)",
    "de-DE": "German (Germany)",
    "it-IT": "Italian",
    "ja-JP": "Japanese",
    "nb-NO": "Norwegian",
    "pl-PL": "Polish",
    "pt-BR": "Portuguese (Brazil)",
    "pt-PT": "Portuguese (Portugal)",
    "es-MX": "Spanish (Mexico)",
    "es-ES": "Spanish (Spain)",
    "es-US": "Spanish (US)",
    "sv-SE": "Swedish",
    "tr-TR": "Turkish",
}
