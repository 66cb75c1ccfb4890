"""`python -m voip_crm.tests.weigh [--slow] [--trust CERT] URL EMAIL PASSWORD`: what the calls page
brings over the wire in Chromium (CHROME_BIN), and when it is painted and says *Ready*; as JSON.

The browser keeps nothing of an earlier visit but the session (cold), then loads the page once more
(again). `--slow` is a line of 1.6 Mbit/s and 150 ms and a processor four times slower. Without
`--trust` nothing is kept of a site whose certificate the browser does not know.
"""

import argparse
import base64
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from voip_crm.tests.browsers import CHROME_OPTIONS

# What is allowed: the goal, the requests of today and a few, and what is made anew for each look.
COLD_BYTES, COLD_REQUESTS, AGAIN_BYTES = 120_000, 18, 20_000
SLOW_LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 1.6e6 / 8,
}
# Noted by the page itself: a look from outside, again and again, would take its processor's time.
NOTE_TIMES = """
new PerformanceObserver((list) => { window.painted ??= list.getEntries()[0].startTime; })
  .observe({ type: "paint", buffered: true });
addEventListener("DOMContentLoaded", () => {
  const word = document.querySelector("[data-ready=summary] [data-ready-word]");
  const note = () => {
    if (word.textContent === "Ready") window.ready ??= performance.now();
  };
  if (!word) return;
  note();
  new MutationObserver(note).observe(word, { childList: true, characterData: true, subtree: true });
});
"""


@dataclass
class Sent:
    """An answer, with its head, as many bytes as came over the wire; 0: it came from the cache."""

    path: str
    size: int
    encoding: str


@dataclass
class Load:
    sent: list[Sent]
    painted: float  # ms after the navigation began
    ready: float
    rows: int

    @property
    def size(self) -> int:
        return sum(one.size for one in self.sent)

    @property
    def requests(self) -> int:
        return sum(one.size > 0 for one in self.sent)


def read(printed: bytes) -> list[Load]:
    """What `main` has printed."""
    loads = json.loads(printed)
    return [Load(**load | {"sent": [Sent(**one) for one in load["sent"]]}) for load in loads]


def weigh(browser: Any, url: str, email: str, password: str, *, slow: bool = False) -> list[Load]:
    """The cold load and the one after it."""
    options = {"base_url": url, "permissions": ["microphone"]}
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/calls")
    session = context.storage_state()
    context.close()
    context = browser.new_context(**options, storage_state=session)
    try:
        return [_load(context, slow) for _ in ("cold", "again")]
    finally:
        context.close()


def _load(context: Any, slow: bool) -> Load:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    if slow:
        devtools.send("Network.emulateNetworkConditions", SLOW_LINE)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    heads: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    under_way: set[str] = set()

    def asked(event: Any) -> None:
        if not event["request"]["url"].startswith("data:"):
            under_way.add(event["requestId"])

    def answered(event: Any) -> None:
        heads[event["requestId"]] = event["response"]
        sizes.setdefault(event["requestId"], event["response"]["encodedDataLength"])

    def ended(event: Any) -> None:
        under_way.discard(event["requestId"])
        sizes[event["requestId"]] = int(event["encodedDataLength"])

    devtools.on("Network.requestWillBeSent", asked)
    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.loadingFinished", ended)
    page.add_init_script(NOTE_TIMES)
    page.goto("/calls")
    page.wait_for_function("window.ready && window.painted", timeout=60_000)

    def is_quiet() -> bool:
        return all("/live?" in heads.get(one, {}).get("url", "") for one in under_way)

    for _ in range(100):
        page.wait_for_timeout(300)
        if is_quiet():
            break
    assert is_quiet(), [heads.get(one) for one in under_way]
    rows = page.locator("#history_rows > tr").count()
    painted, ready = page.evaluate("[window.painted, window.ready]")
    page.close()
    sent = [_sent(heads[one], size) for one, size in sizes.items()]
    return Load(sorted(sent, key=lambda one: -one.size), painted, ready, rows)


def _sent(head: Any, size: int) -> Sent:
    path = "/" + head["url"].split("/", 3)[3].partition("?")[0]
    names = {name.lower(): value for name, value in head["headers"].items()}
    was_kept = head.get("fromDiskCache") or head.get("fromPrefetchCache")
    return Sent(path, 0 if was_kept else size, names.get("content-encoding", ""))


def trusting(certificate: Path) -> str:
    """The option by which Chromium takes this certificate for a good one."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(key.public_bytes(*form)).digest()).decode()
    return f"--ignore-certificate-errors-spki-list={digest}"


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--trust", type=Path)
    for name in ("url", "email", "password"):
        parser.add_argument(name)
    given = parser.parse_args()
    options = [*CHROME_OPTIONS, *([trusting(given.trust)] if given.trust else [])]
    with sync_playwright() as playwright:
        path = os.environ["CHROME_BIN"]
        chromium = playwright.chromium.launch(executable_path=path, args=options)
        loads = weigh(chromium, given.url, given.email, given.password, slow=given.slow)
        print(json.dumps([asdict(load) for load in loads]))
        chromium.close()


if __name__ == "__main__":
    main()
