"""Take the README's pictures anew, from a `./run` of its own with the demo.

`.venv/bin/python docs/images/make_images.py`, after `./test` has made `.venv`; it needs Chromium
(`CHROME_BIN`, or `chromium`) and pngquant.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).parent
SIZE = {"width": 1360, "height": 800}
HISTORY_HEIGHT = 626
OPTIONS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@contextmanager
def running() -> Iterator[tuple[str, str]]:
    """(the address of a fresh `./run`, the password of its people)."""
    with tempfile.TemporaryDirectory() as var:
        command = [HERE.parents[1] / "run", "--port", "8090", "--sandbox-port", "8790"]
        run = subprocess.Popen(
            command, env={**os.environ, "VAR_DIR": var}, stdout=subprocess.PIPE, text=True
        )
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = run.stdout.readline()
                if not line:
                    raise SystemExit("./run has ended.")
                said += line
            yield re.search(r"ready: (\S+)", said)[1], re.search(r"Password: (\S+)", said)[1]
        finally:
            run.send_signal(signal.SIGINT)
            run.wait()


def take(page: Page, name: str, **options: Any) -> None:
    path = HERE / f"{name}.png"
    page.screenshot(path=path, animations="disabled", **options)
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--speed", "1", "48", path], check=True)


def main() -> None:
    chromium = os.environ.get("CHROME_BIN") or shutil.which("chromium")
    with running() as (url, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        page = browser.new_page(
            base_url=url,
            viewport=SIZE,
            device_scale_factor=2,
            color_scheme="light",
            permissions=["microphone"],
        )
        page.goto("/sign-in")
        page.get_by_label("Email").fill("bob@acme.example")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()

        page.get_by_role("button", name="Play recording").first.click()
        expect(page.locator("#history audio")).to_be_visible()
        page.wait_for_timeout(5000)
        page.evaluate("document.querySelector('#history audio').pause()")
        page.mouse.move(0, 0)
        card = page.locator("#history").bounding_box()
        take(page, "history", clip={**card, "height": HISTORY_HEIGHT})

        page.goto("/calls")
        page.get_by_role("combobox", name="Search contacts or enter a number").fill("Maria")
        page.get_by_role("listbox").get_by_role("option").first.click()
        page.get_by_role("button", name="Call", exact=True).click()
        panel = page.get_by_role("region", name="Active call")
        expect(panel).to_contain_text("In call", timeout=30_000)
        expect(panel).to_contain_text("0:04", timeout=30_000)
        take(page, "in-call")
        panel.get_by_role("button", name="End call").click()
        browser.close()


if __name__ == "__main__":
    main()
