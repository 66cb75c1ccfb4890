"""The mails that `./run` does not send, on a page of this machine alone."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.bricks.http import client_address
from voip_crm.environment import LOOPBACK

MOST = 50  # files shown
# Whoever comes through a proxy or a tunnel on this machine has its address.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_END = b"\n" + b"-" * 79 + b"\n"  # of one, in a file of Django's


@never_cache
@require_GET
def mailbox(request: HttpRequest) -> HttpResponse:
    """The latest first. They hold links that sign people in: nobody elsewhere gets this page."""
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    if not keeps_mails() or is_forwarded or client_address(request) not in LOOPBACK:
        raise Http404
    folder = Path(settings.EMAIL_FILE_PATH)  # type: ignore[misc]  # of EMAIL_URL
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = [mail for file in files[:MOST] for mail in reversed(_read(file))]
    return render(request, "mailbox.html", {"mails": found})


def keeps_mails() -> bool:
    """Whether mails are written to files instead, on a site that only this machine reaches."""
    is_local = urlsplit(settings.PUBLIC_BASE_URL).hostname in LOOPBACK
    return is_local and settings.EMAIL_BACKEND.endswith(".filebased.EmailBackend")


def _read(file: Path) -> list[dict[str, Any]]:
    """Mostly one: Django names a file by the second and by an address in memory."""
    return [_shown(part) for part in file.read_bytes().split(_END) if part.strip()]


def _shown(part: bytes) -> dict[str, Any]:
    mail = message_from_bytes(part, policy=policy.default)
    body = mail.get_body(("plain",))
    return {
        "subject": mail["Subject"],
        "to": mail["To"],
        "date": mail["Date"],
        "text": body.get_content() if body else "",
    }
