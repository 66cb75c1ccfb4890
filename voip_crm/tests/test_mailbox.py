"""The page on which `./run` shows the mails that it does not send, and who may not see it."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tenants.bricks import mails
from voip_crm import mail_settings
from voip_crm.environment import Environment

QUOTED = "p%40ss"  # as a part of a URL


@pytest.fixture
def kept(settings: Any, tmp_path: Path) -> None:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mails")


def test_a_mail_can_be_read_with_its_link(kept: None, client: Client) -> None:
    assert "No mail yet." in client.get("/mails").content.decode()
    link = "http://localhost:8000/reset-password/x/y"
    mails.send("reset", "zoë@acme.example", name="Zoë <b>", link=link, minutes=30)
    mails.send("password_changed", "bob@acme.example", name="Bob")
    page = client.get("/mails").content.decode()
    assert page.index("Your password was changed") < page.index("Reset your password")
    assert f'<a href="{link}"' in page and "Hello Zoë &lt;b&gt;," in page
    assert "-----" not in page


def test_mails_that_share_a_file_are_all_shown(kept: None, client: Client, settings: Any) -> None:
    for name in ("Ann", "Bea"):
        mails.send("password_changed", "x@acme.example", name=name)
    files = sorted(Path(settings.EMAIL_FILE_PATH).glob("*.log"))
    parts = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    (files[0]).write_bytes(b"".join(parts))
    page = client.get("/mails").content.decode()
    assert "Hello Ann," in page and "Hello Bea," in page and page.count("<article") == 2


def test_nobody_else_sees_it(kept: None, settings: Any) -> None:
    assert Client(REMOTE_ADDR="127.0.0.1").get("/mails").status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.7").get("/mails").status_code == 404
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"):
        assert Client().get("/mails", headers={name: "127.0.0.1"}).status_code == 404
    settings.PUBLIC_BASE_URL = "https://crm.example.com"
    assert Client(REMOTE_ADDR="127.0.0.1").get("/mails").status_code == 404
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert Client(REMOTE_ADDR="127.0.0.1").get("/mails").status_code == 404


@pytest.mark.parametrize(
    ("url", "host", "port", "more"),
    [
        (f"smtp+tls://crm:{QUOTED}@mail.example.com", "mail.example.com", 587, "EMAIL_USE_TLS"),
        (f"smtp+ssl://crm:{QUOTED}@mail.example.com", "mail.example.com", 465, "EMAIL_USE_SSL"),
        (f"smtp://crm:{QUOTED}@mail.example.com:2525", "mail.example.com", 2525, ""),
    ],
)
def test_a_mail_server_is_read_from_its_address(
    monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: int, more: str
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    found = mail_settings.mail(Environment(), "crm.example.com")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("crm", "p@ss")
    assert not more or found[more] is True
    assert found["DEFAULT_FROM_EMAIL"] == "VoIP CRM <no-reply@crm.example.com>"


@pytest.mark.parametrize("url", ["gopher://x", "smtp://crm:secret@host:port"])
def test_an_address_that_is_none_ends_the_start_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    with pytest.raises(SystemExit, match="EMAIL_URL has a value that cannot be read") as ended:
        mail_settings.mail(Environment(), "crm.example.com")
    assert url not in str(ended.value)


def test_a_sender_that_is_none_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_FROM", "VoIP CRM")
    with pytest.raises(SystemExit, match="EMAIL_FROM is not an address"):
        mail_settings.mail(Environment(), "crm.example.com")
