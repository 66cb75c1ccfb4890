"""A person's sessions on their account page: what it says of them, and what ends them."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from tenants.bricks import moments, places
from tenants.bricks.http import TenantRequest, see_other
from tenants.models import User
from tenants.signing_in import elsewhere
from tenants.signing_in.sessions import RENEW_SECONDS
from tenants.trail import audit
from tenants.trail.audit import Action


def context(request: TenantRequest, user: User, *, by_code: bool) -> dict[str, Any]:
    """What `_sessions.html` shows. Whoever has no workspace has their times in UTC."""
    name = request.tenant.time_zone if request.tenant else "UTC"
    zone, now = ZoneInfo(name), timezone.now()

    def said(at: Any) -> dict[str, str]:
        return {
            "iso": at.isoformat(),
            "shown": moments.moment(at, zone, now),
            "later": moments.later(at, zone, now),
        }

    found = elsewhere.signed_in(request, user, by_code=by_code)
    return {
        "sessions": [
            {
                "name": each.name,
                "browser": each.browser,
                "since": said(each.since),
                "used": said(each.used_at),
                "is_this": each.is_this,
            }
            for each in found
        ],
        "are_all": len(found) < elsewhere.MOST_SHOWN,
        "most": elsewhere.MOST_SHOWN,
        "zone": places.zone_name(name),
        "minutes": RENEW_SECONDS // 60,
    }


@require_POST
@login_required
def end_session(request: TenantRequest, session: str) -> HttpResponse:
    """One that has ended in the meantime is no mistake; another person's is 404."""
    user: User = request.user  # type: ignore[assignment]  # who is signed in
    try:
        browser = elsewhere.end(request, user, session)
    except elsewhere.NotAnother:
        raise Http404 from None
    if not browser:
        return see_other(request, reverse("account"), "That session had already ended.")
    audit.note_of(Action.SESSION_ENDED, request, user, browser=browser)
    return see_other(request, reverse("account"), f"{browser} is signed out.")


@require_POST
@login_required
def end_other_sessions(request: TenantRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # who is signed in
    if elsewhere.end_others(request, user):
        audit.note_of(Action.SESSIONS_ENDED, request, user)
    return see_other(request, reverse("account"), "You’re signed out everywhere else.")
