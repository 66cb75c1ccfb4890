"""Settings → Audit trail, for the workspace's admins."""

from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest
from tenants.trail import audit, exports, reading
from tenants.trail.audit import Action
from tenants.trail.reading import TrailFilter


@require_GET
@login_required
@admin_required
def trail(request: TenantRequest) -> HttpResponse:
    """Who saw or changed what, newest first."""
    form = TrailFilter(request.GET)
    given = form.given()
    zone = ZoneInfo(request.tenant.time_zone)
    found = reading.entries(request.tenant, form)
    entries, cursor = reading.page(found, request.GET.get("before", ""))
    context = {
        "form": form,
        "entries": [reading.line(entry, zone) for entry in entries],
        "more": f"{request.path}?{urlencode(given | {'before': cursor})}" if cursor else "",
        "query": urlencode(given),
    }
    return render(request, "audit_trail.html", context)


@require_GET
@login_required
@admin_required
def export(request: TenantRequest) -> HttpResponseBase:
    """The filtered trail as a file."""
    if refusal := exports.refused(request):
        return refusal
    form = TrailFilter(request.GET)
    given = form.given()
    audit.record(Action.AUDIT_EXPORTED, filters=urlencode(given))
    found = reading.entries(request.tenant, form)
    header, pages = reading.trail_table(found, ZoneInfo(request.tenant.time_zone))
    return exports.download(request, name="audit-trail", header=header, pages=pages)
