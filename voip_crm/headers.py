"""Headers of every answer of Django's, beside those of its SecurityMiddleware; and pages
compressed.
"""

from collections.abc import Callable
from functools import cache

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from tenants.bricks.http import HTMX_HEADERS

# The microphone is the phone's; of what else a browser can do, nothing is used.
_UNUSED = (
    *("accelerometer", "bluetooth", "browsing-topics", "camera", "display-capture", "geolocation"),
    *("gyroscope", "hid", "magnetometer", "midi", "payment", "screen-wake-lock", "serial", "usb"),
)
PERMISSIONS_POLICY = ", ".join(["microphone=(self)", *(f"{name}=()" for name in _UNUSED)])


@cache
def content_policy() -> str:
    """The same for all answers, so that it is put together once; csp's middleware does it twice for
    each.
    """
    return str(build_policy())


class HeadersMiddleware:
    """Nothing is kept by a cache, errors and redirects included; no other site embeds an answer,
    and nothing but ours runs in it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, HTMX_HEADERS)  # for whoever keeps it all the same
        # What a script of a page asks for is under the page's own policies; no script, and no other
        # site, can have a browser say so of what it shows.
        if request.headers.get("Sec-Fetch-Dest") != "empty":
            if not (settings.DEBUG and response.status_code in (404, 500)):  # Django's own pages
                response.headers["Content-Security-Policy"] = content_policy()
            response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class PageCompressionMiddleware(GZipMiddleware):
    """Pages are compressed here, so that no server in front need do it; recordings and exports,
    which are sent in pieces, and what programs ask for, are not.

    Who can make a person's browser ask for pages with a text of theirs in it, and see how long the
    answers are, might guess at the rest of a page (BREACH). Django adds up to a hundred bytes at
    random, masks the token anew in each page, and the session's cookie comes along only when the
    person is taken to the page (SameSite).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response
