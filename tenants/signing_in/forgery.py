"""The token against forgery, of a page that has an old one: another tab has signed in again."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.signing_in.known import known

REFUSED = "X-CSRF-Failed"  # a header by which pages know it (static/js/csrf.js)


@never_cache
@require_GET
def token(request: HttpRequest) -> HttpResponse:
    """A good token, and whose session it is (an id, or null); no other site can read it."""
    member = known(request).member
    user = str(member.user_id) if member else None
    return JsonResponse({"token": get_token(request), "user": user})


def refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`."""
    if request.path == reverse("sign_in") and request.COOKIES:
        # Nothing is lost but a password, and whoever is in already is let in.
        return HttpResponseRedirect(request.get_full_path(), status=303)
    response = render(request, "403_csrf.html", status=403)
    response.headers[REFUSED] = "1"
    return response
