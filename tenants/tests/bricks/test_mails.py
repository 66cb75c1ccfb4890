"""Mails on their way: to a mail server, again when it says so, and not for ever."""

from email import message_from_bytes, policy
from typing import Any

import pytest

from tenants.bricks import mails
from tenants.bricks.lanes import Lane
from tenants.tests.mails import MailServer, mail_server


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    lane = Lane(
        "mails", threads=1, most=2, again=(0.01, 0.02), trouble=(OSError,), otherwise="gone"
    )
    monkeypatch.setattr(mails, "_lane", lane)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.DEFAULT_FROM_EMAIL = "VoIP CRM <crm@example.com>"
    with mail_server() as found:
        settings.EMAIL_PORT = found.server_address[1]
        yield found


def send() -> None:
    mails.soon("x", lambda: mails.send("password_changed", "bob@acme.example", name="Bøb"))


def test_a_mail_goes_out_as_text_and_html(server: MailServer, eventually: Any) -> None:
    send()
    eventually(lambda: server.taken)
    found = message_from_bytes(server.taken[0], policy=policy.default)
    assert (found["From"], found["To"]) == ("VoIP CRM <crm@example.com>", "bob@acme.example")
    assert found["Auto-Submitted"] == "auto-generated"
    parts = [found.get_body((kind,)) for kind in ("plain", "html")]
    assert all(part and "Hello Bøb," in part.get_content() for part in parts)


def test_what_is_refused_for_now_is_sent_later(server: MailServer, eventually: Any) -> None:
    server.refusals = 2
    send()
    eventually(lambda: server.taken)
    assert server.refusals == 0 and len(server.taken) == 1


def test_what_is_never_taken_is_given_up_and_said(
    server: MailServer, eventually: Any, caplog: Any
) -> None:
    server.refusals = 3
    send()
    eventually(lambda: "x is gone" in caplog.text)
    assert server.refusals == 0 and server.taken == []
    send()
    eventually(lambda: server.taken)
