"""Headers of every answer of Django's, beside those of its SecurityMiddleware and of the CSP."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from tenants.bricks.http import HTMX_HEADERS

# The microphone is the phone's; of what else a browser can do, nothing is used.
_UNUSED = (
    *("accelerometer", "bluetooth", "browsing-topics", "camera", "display-capture", "geolocation"),
    *("gyroscope", "hid", "magnetometer", "midi", "payment", "screen-wake-lock", "serial", "usb"),
)
PERMISSIONS_POLICY = ", ".join(["microphone=(self)", *(f"{name}=()" for name in _UNUSED)])


class HeadersMiddleware:
    """Nothing is kept by a cache, errors and redirects included; no other site embeds an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, HTMX_HEADERS)  # for whoever keeps it all the same
        response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response
