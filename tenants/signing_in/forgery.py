"""The token against forgery, of a page that has an old one: another tab has signed in again."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.models import Membership, UserManager
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
    is_old = reason.startswith("CSRF")  # else the page was not one of this site's
    member = known(request).member
    at_sign_in = request.path == reverse("sign_in")
    if at_sign_in and is_old and request.COOKIES and (member is None or _is_of(member, request)):
        # Nothing is lost but a password, and whoever is in already is let in.
        query = request.GET.copy()
        query["expired"] = "1"
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}", status=303)
    may_sign_out = member is not None and (at_sign_in or request.path == reverse("sign_out"))
    context = {"is_old": is_old, "member": member, "may_sign_out": may_sign_out}
    response = render(request, "403_csrf.html", context, status=403)
    if is_old:
        response.headers[REFUSED] = "1"
    return response


def _is_of(member: Membership, request: HttpRequest) -> bool:
    typed = UserManager.normalize_email(request.POST.get("username", "").strip())
    return bool(typed == member.user.email)
