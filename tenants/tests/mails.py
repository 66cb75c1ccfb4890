"""Mail in tests: a site that sends it, at once; and a mail server that takes it."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives

from tenants.bricks.lanes import Lane


@pytest.fixture
def sends_mail(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is in `django.core.mail.outbox` when the request has been answered."""
    settings.SENDS_MAIL = True
    monkeypatch.setattr(Lane, "do", lambda self, key, work: work())


def the_mail() -> EmailMessage:
    """The one that was sent, and no more."""
    (found,) = mail.outbox
    return found


def both(found: EmailMessage) -> tuple[str, str]:
    """(text, HTML)."""
    assert isinstance(found, EmailMultiAlternatives)
    ((page, kind),) = found.alternatives
    assert kind == "text/html"
    return str(found.body), str(page)


def path_in(found: EmailMessage) -> str:
    """Of the one link of ours that it holds, the same in both parts."""
    text, page = (set(re.findall(r"/(?:re)?set-password/[\w/-]+", part)) for part in both(found))
    assert text == page
    (path,) = text
    return path


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP (RFC 5321) as is needed to be given a mail."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: list[bytes] = []
        self.refusals = 0  # so many mails are refused for now


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"RCPT" and self.server.refusals:
                self.server.refusals -= 1
                self._say("451 try again later")
            elif verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.taken.append(b"".join(lines))
                self._say("250 taken")
            elif verb == b"QUIT":
                return self._say("221 bye")
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
