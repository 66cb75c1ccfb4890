"""What programs look for at fixed places: crawlers, password managers."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET


@require_GET
def robots(request: HttpRequest) -> HttpResponse:
    """Nothing here is for a search engine."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


@require_GET
def change_password(request: HttpRequest) -> HttpResponse:
    """Source: W3C, A Well-Known URL for Changing Passwords."""
    return HttpResponseRedirect(reverse("change_password"))
