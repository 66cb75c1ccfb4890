"""An application: it answers the sandbox's webhooks and keeps what it was told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Request:
    """One request that the sandbox made."""

    def __init__(self, path: str, params: dict[str, str], headers: Any, method: str) -> None:
        self.path = path
        self.params = params
        self.headers = headers
        self.method = method


class Application:
    """A local receiver of webhooks. ``twiml`` maps paths to bodies, ``behave`` to functions."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.twiml: dict[str, str] = {}
        self.behave: dict[str, Callable[[BaseHTTPRequestHandler, Request], bool]] = {}
        application = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                params = query | dict(parse_qsl(body, keep_blank_values=True))
                request = Request(self.path, params, self.headers, self.command)
                application.requests.append(request)
                special = application.behave.get(parts.path)
                if special is not None and special(self, request):
                    return
                text = application.twiml.get(parts.path)
                self.reply(200 if text else 204, (text or "").encode(), "text/xml")

            do_GET = do_POST = _serve

            def reply(self, status: int, body: bytes, kind: str) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def to(self, path: str) -> list[Request]:
        """Requests of this path, in order of arrival."""
        return [r for r in self.requests if urlsplit(r.path).path == path]

    def events(self, path: str) -> list[str]:
        """What the callbacks of this path announced, in the order in which they were fired."""
        found = sorted(self.to(path), key=lambda r: int(r.params.get("SequenceNumber", 0)))
        return [r.params.get("StatusCallbackEvent") or r.params["CallStatus"] for r in found]


def conference_twiml(application: Application, name: str, **attributes: str) -> str:
    """<Dial><Conference> with its events sent to /conference."""
    found = {
        "beep": "false",
        "waitUrl": "",
        "statusCallback": f"{application.url}/conference",
        "statusCallbackEvent": "start end join leave mute hold modify",
        **attributes,
    }
    text = " ".join(f'{key}="{value}"' for key, value in found.items())
    return f"<Response><Dial><Conference {text}>{name}</Conference></Dial></Response>"
