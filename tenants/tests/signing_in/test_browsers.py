"""What a browser is called by what it says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.signing_in.browsers import _BROWSERS, _SYSTEMS, UNKNOWN, name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/126.0.0.0"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("says", "is_called"),
    [
        (f"{WINDOWS} {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"{MAC} {CHROME} Safari/537.36", "Chrome on Mac"),
        (f"{LINUX} {CHROME} Safari/537.36", "Chrome on Linux"),
        (f"{LINUX} {WEBKIT} HeadlessChrome/126.0.0.0 Safari/537.36", "Chrome on Linux"),
        (
            f"{LINUX} {WEBKIT} Ubuntu Chromium/80.0 Chrome/80.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36",
            "Chrome on ChromeOS",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/A; wv) AppleWebKit/537.36 (KHTML, like "
            "Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (f"{IPHONE} {APPLE} CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{WINDOWS} {CHROME} Safari/537.36 Edg/126.0.0.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0 "
            "Safari/537.36 Edge/17.17134",
            "Edge on Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 10; HD1913) {CHROME} Mobile Safari/537.36 EdgA/126.0",
            "Edge on Android",
        ),
        (
            f"{IPHONE} {APPLE} Version/17.0 EdgiOS/126.0 Mobile/15E148 Safari/605.1.15",
            "Edge on iPhone",
        ),
        (f"{WINDOWS} {CHROME} Safari/537.36 OPR/111.0.0.0", "Opera on Windows"),
        (f"{IPHONE} {APPLE} Version/17.5 Mobile/15E148 Safari/604.1 OPT/4.8", "Opera on iPhone"),
        ("Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18", "Opera on Windows"),
        (
            f"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) {WEBKIT} SamsungBrowser/25.0 "
            "Chrome/121.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
            "Firefox on Windows",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
            "Firefox on Android",
        ),
        (f"{IPHONE} {APPLE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPhone"),
        (f"{MAC} {APPLE} Version/17.5 Safari/605.1.15", "Safari on Mac"),
        (f"{IPHONE} {APPLE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPAD} {APPLE} Version/16.6 Mobile/15E148 Safari/604.1", "Safari on iPad"),
        (f"{IPHONE} {APPLE} Mobile/15E148", f"{UNKNOWN} on iPhone"),  # inside another app
        (f"{LINUX} {APPLE} Version/17.0 Safari/605.1.15", f"{UNKNOWN} on Linux"),  # GNOME's
        ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2)", f"{UNKNOWN} on Windows"),
        ("curl/8.5.0", UNKNOWN),
        ("python-requests/2.32.3", UNKNOWN),
        ("", UNKNOWN),
        ("\x00\x1b[31m\r\n\u202e", UNKNOWN),
        ("<script>alert(1)</script> Chrome/1", "Chrome"),
        ("x" * 10_000 + " Chrome/126 (Windows NT)", UNKNOWN),
        ("Macintosh Version/ " * 600, f"{UNKNOWN} on Mac"),
        ("Chromeplated/1 Windowsill Linuxes", UNKNOWN),
    ],
)
def test_a_browser_is_called_by_its_name_and_its_system(says: str, is_called: str) -> None:
    assert name(says) == is_called


SYSTEMS = ["", *(f" on {system}" for system in _SYSTEMS.values())]
NAMES = {browser + system for browser in [*_BROWSERS.values(), UNKNOWN] for system in SYSTEMS}
WORDS = st.sampled_from(["Chrome/1", "Safari/", "Version/", "Windows", "iPad", "Macintosh", "\n"])


@given(st.lists(st.text() | WORDS).map(" ".join))
def test_whatever_it_says_it_is_called_by_words_of_ours(says: str) -> None:
    assert name(says) in NAMES
