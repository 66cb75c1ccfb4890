"""A browser and its system in everyday words, by what it says of itself."""

import re

UNKNOWN = "Unknown browser"
LONGEST = 500  # characters that are looked at

# The first that fits: most of them say that they are Chrome, too, and Chrome that it is Safari.
_BROWSERS = {
    r"\bEdg(e|A|iOS)?/": "Edge",
    r"\b(OPR|OPT|OPiOS|Opera)/": "Opera",
    r"\bSamsungBrowser/": "Samsung Internet",
    r"\b(Firefox|FxiOS)/": "Firefox",
    r"\b(HeadlessChrome|Chrome|Chromium|CriOS)/": "Chrome",
    r"\b(Macintosh|iPhone|iPod|iPad)\b.*\bVersion/.*\bSafari/": "Safari",
}
# An Android says that it is a Linux, too, and an iPhone that it is like a Mac.
_SYSTEMS = {
    r"\biP(hone|od)\b": "iPhone",
    r"\biPad\b": "iPad",
    r"\bAndroid\b": "Android",
    r"\bCrOS\b": "ChromeOS",
    r"\bWindows\b": "Windows",
    r"\bMacintosh\b": "Mac",
    r"\bLinux\b": "Linux",
}


def name(user_agent: str) -> str:
    """`Chrome on Windows`; what is not known is left out. Always made of the words above."""
    browser, system = (
        next((said for sign, said in signs.items() if re.search(sign, user_agent[:LONGEST])), "")
        for signs in (_BROWSERS, _SYSTEMS)
    )
    return f"{browser or UNKNOWN} on {system}" if system else browser or UNKNOWN
