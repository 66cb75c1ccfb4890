"""Firefox without a driver: WebDriver BiDi over its own socket (w3.org/TR/webdriver-bidi)."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from voip_crm.children import die_with_parent
from voip_crm.tests.environment import free_port
from voip_crm.tests.harness import wait_until

TAB, ENTER = "\ue004", "\ue007"  # as WebDriver writes these keys
# A microphone that makes a sound and is allowed, as are notifications; and nobody at home who is
# told anything.
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "permissions.default.desktop-notification": 1,
    "alerts.useSystemBackend": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9",
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "extensions.update.enabled": False,
}


class Firefox:
    """One window. Elements are named as people and screen readers know them: role and name."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.said: list[str] = []  # errors on the console
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._window = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def before_each_page(self, script: str) -> None:
        self._ask("script.addPreloadScript", functionDeclaration=f"() => {{{script}}}")

    def go(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def run(self, function: str) -> Any:
        """What the (async) function returns in the page, as JSON."""
        expression = f"Promise.resolve(({function})()).then(JSON.stringify)"
        answer = self._ask(
            "script.evaluate",
            expression=expression,
            target={"context": self._window},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def find(self, role: str, name: str) -> Any:
        """The element, when it is there."""
        locator = {"type": "accessibility", "value": {"role": role, "name": name}}

        def there() -> Any:
            nodes = self._ask("browsingContext.locateNodes", context=self._window, locator=locator)[
                "nodes"
            ]
            return nodes and nodes[0]

        return wait_until(there)

    def click(self, role: str, name: str) -> None:
        element = {"sharedId": self.find(role, name)["sharedId"]}
        self._ask(
            "script.callFunction",
            functionDeclaration="(one) => one.scrollIntoView({block: 'nearest'})",
            arguments=[element],
            target={"context": self._window},
            awaitPromise=False,
        )
        origin = {"type": "element", "element": element}
        self._act(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Inside, another tab of the window is in front."""
        front = self._ask("browsingContext.create", type="tab")["context"]
        try:
            yield
        finally:
            self._ask("browsingContext.close", context=front)
            self._ask("browsingContext.activate", context=self._window)

    def type(self, role: str, name: str, text: str) -> None:
        self.click(role, name)
        self.press(text)

    def press(self, text: str) -> None:
        """The keys, wherever the focus is."""
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._act("key", *keys)

    def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._ask("input.performActions", context=self._window, actions=[source])

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(60))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.said.append(message["params"]["text"])
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                return message["result"]


@contextlib.contextmanager
def running(program: str, profile: Path, **preferences: bool) -> Iterator[Firefox]:
    """Without a window on the screen, on a profile that is made new."""
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in (PREFERENCES | preferences).items()
    ]
    profile.mkdir()
    (profile / "user.js").write_text("".join(lines))
    port = free_port()
    options = ["--headless", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(
        [program, *options, "--remote-debugging-port", str(port), "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )

    def connected() -> ClientConnection | None:
        assert process.poll() is None, "Firefox has ended"
        with contextlib.suppress(OSError, WebSocketException):
            return connect(f"ws://127.0.0.1:{port}/session", max_size=None, proxy=None)
        return None

    try:
        with wait_until(connected, 60) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait(30)
