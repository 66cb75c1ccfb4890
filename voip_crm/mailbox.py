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

MOST = 50  # mails shown
_END = b"\n" + b"-" * 79 + b"\n"  # of one, in a file of Django's


@never_cache
@require_GET
def mailbox(request: HttpRequest) -> HttpResponse:
    """The latest first. They hold links that sign people in: nobody elsewhere gets this page."""
    if not (keeps_mails() and client_address(request) in LOOPBACK):
        raise Http404
    folder = Path(settings.EMAIL_FILE_PATH)  # type: ignore[misc]
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = [_read(file) for file in files[:MOST]]
    return render(request, "mailbox.html", {"mails": found})


def keeps_mails() -> bool:
    """Whether mails are written to files instead, on a site that only this machine reaches."""
    is_local = urlsplit(settings.PUBLIC_BASE_URL).hostname in LOOPBACK
    return is_local and settings.EMAIL_BACKEND.endswith(".filebased.EmailBackend")


def _read(file: Path) -> dict[str, Any]:
    mail = message_from_bytes(file.read_bytes().removesuffix(_END), policy=policy.default)
    body = mail.get_body(("plain",))
    return {
        "subject": mail["Subject"],
        "to": mail["To"],
        "date": mail["Date"],
        "text": body.get_content() if body else "",
    }
