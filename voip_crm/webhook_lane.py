"""Twilio's way in: what it asks goes by all that is there for people."""

from collections.abc import Callable
from functools import cached_property

from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, resolve, reverse

from calls.urls import urlpatterns
from calls.webhooks.signed_posts import TwilioWebhook


class WebhookLane:
    """Calls a webhook's view at once: no session, cookie, token, message or htmx is of any concern
    to it (`signed_posts`). What stands before this middleware stays: log line, headers, health,
    the body's limit, the deadline.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = self._views.get(request.path_info)
        if match is None:
            return self.get_response(request)
        request.get_host()  # raises for a host that is not ours
        request.resolver_match = match
        response: HttpResponse = match.func(request)
        if isinstance(response, SimpleTemplateResponse):  # a refusal of the framework's
            response = response.render()
        response.headers["Content-Length"] = str(len(response.content))
        return response

    @cached_property
    def _views(self) -> dict[str, ResolverMatch]:
        """By path, with and without a slash at its end."""
        names = [p.name for p in urlpatterns if issubclass(_class(p.callback), TwilioWebhook)]
        paths = [reverse(name) + slash for name in names for slash in ("", "/")]
        return {path: resolve(path) for path in paths}


def _class(view: object) -> type:
    return getattr(view, "cls", object)
