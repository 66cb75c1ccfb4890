"""The admin: always inside one workspace. A superuser picks which one."""

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from tenants.bricks import places
from tenants.models import Tenant
from tenants.people import staff
from tenants.signing_in.known import known


class WorkspaceForm(forms.Form):
    workspace = forms.ModelChoiceField(
        Tenant.objects.order_by("name"), empty_label=None, help_text="For one hour; it is logged."
    )


class WorkspaceAdminSite(AdminSite):
    site_title = site_header = "VoIP CRM admin"
    index_title = "Tables"
    # No log of recent actions: it would name rows of other workspaces.

    def get_urls(self) -> list[Any]:
        picker = path("workspace/", self.admin_view(self.pick), name="pick_workspace")
        return [picker, *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        may_pick = getattr(request.user, "is_superuser", False)
        tenant = getattr(request, "tenant", None)
        zone = places.zone_name(tenant.time_zone) if tenant else ""
        mine = {"workspace": tenant, "zone_name": zone, "may_pick": may_pick}
        return super().each_context(request) | mine

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's; times, shown or typed, are the workspace's."""
        inner = super().admin_view(view, cacheable)

        def in_its_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            tenant = getattr(request, "tenant", None)
            with timezone.override(tenant.time_zone if tenant else None):
                response = inner(request, *args, **kwargs)
                is_open = isinstance(response, SimpleTemplateResponse)
                return response.render() if is_open else response

        return in_its_zone

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one door, with its throttle and its second factor: the product's."""
        if request.user.is_authenticated and not self.has_permission(request):
            return render(request, "admin/not_staff.html", status=403)
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.user.is_superuser and known(request).tenant is None:
            return HttpResponseRedirect(reverse("admin:pick_workspace"))
        return super().index(request, extra_context)

    def pick(self, request: HttpRequest) -> HttpResponse:
        """Choose the workspace to look into, or (`leave`) none."""
        if not request.user.is_superuser:
            raise Http404
        form = WorkspaceForm(request.POST if request.method == "POST" else None)
        if "leave" in request.POST:
            staff.leave(request)
            return HttpResponseRedirect(reverse("admin:pick_workspace"))
        if form.is_valid():
            staff.choose(request, form.cleaned_data["workspace"])
            return HttpResponseRedirect(reverse("admin:index"))
        context = self.each_context(request) | {"title": "Choose a workspace", "form": form}
        return render(request, "admin/pick_workspace.html", context)
