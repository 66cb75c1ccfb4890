"""Requests as the middlewares leave them, and the answer that sends a page elsewhere."""

import ipaddress
import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from tenants.models import Membership, Tenant


class TenantRequest(HttpRequest):
    """A request of a signed-in member. Before the guards have run, both can be None."""

    tenant: Tenant
    member: Membership
    htmx: HtmxDetails


class MemberRequest(Request):
    """The same for an endpoint, behind the permission `HasTenant`."""

    tenant: Tenant
    member: Membership


def client_address(request: HttpRequest) -> str | None:
    """The IP address that asked, or None when it cannot be read.

    On an https site the proxy is believed, which must set X-Forwarded-For (docs/operating.md): its
    own word is the last one. Without that there is only the proxy's address, for everybody.
    """
    known: str = request.META.get("REMOTE_ADDR", "")
    if settings.IS_HTTPS:
        known = request.headers.get("X-Forwarded-For", known).rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(known))
    except ValueError:
        return None


# By these a page is sent whole, or without the shell around its <main>.
HTMX_HEADERS = ("HX-Request", "HX-Target", "HX-Boosted", "HX-History-Restore-Request")


def wants_main(request: HttpRequest) -> bool:
    """Whether htmx takes <main> or a part of it out of the answer, and nothing else. What is
    restored for the browser's *Back* is sent whole, like all that no htmx has asked for.
    """
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.history_restore_request:
        return False
    return htmx.target == "main#main" or not (htmx.boosted or htmx.target in (None, "body"))


# How a page takes the place of another: the templates' links to pages say the same.
MAIN_SWAP = "outerHTML show:window:top"


# Where to send which form to take something back.
Undo = tuple[str, dict[str, str]]


def toast(text: str, *, tone: str = "success", undo: Undo | None = None) -> dict[str, Any]:
    """The event by which a page shows a message (app.js), with a button beside it for `undo`."""
    detail: dict[str, Any] = {"text": text, "tone": tone}
    if undo:
        detail["undo"] = {"path": undo[0], "form": undo[1]}
    return {"toast": detail}


def see_other(
    request: TenantRequest, url: str, text: str = "", *, undo: Undo | None = None
) -> HttpResponse:
    """After a write: go to `url` (a path of ours) and say `text` there, if any, with a button for
    `undo` (with htmx alone).

    htmx navigates inside the page, so that a call goes on; without it a redirect does.
    """
    if not request.htmx:
        if text:
            messages.success(request, text)
        return HttpResponseRedirect(url, status=303)
    place = {"path": url, "target": "#main", "select": "#main", "swap": MAIN_SWAP}
    headers = {"HX-Location": json.dumps(place)}
    if text:
        headers["HX-Trigger"] = json.dumps(toast(text, undo=undo))
    return HttpResponse(status=204, headers=headers)
