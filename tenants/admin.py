"""Django admin for workspaces and people. Only superusers come here; see `TenantAdmin`."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from tenants.models import Membership, Tenant, User


class TenantScopedAdmin(admin.ModelAdmin):
    """Admin of a tenant table: it shows the workspace that the signed-in person works in, for the
    admin is no exception. Without a workspace there is nothing to show.
    """

    def _has_tenant(self, request: HttpRequest) -> bool:
        return getattr(request, "tenant", None) is not None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._has_tenant(request) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_tenant(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._has_tenant(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_tenant(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_tenant(request) and super().has_delete_permission(request, obj)


class ReadOnlyAdmin(TenantScopedAdmin):
    """What the provider told us: looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SuperuserAdmin(admin.ModelAdmin):
    """Tables above the tenants: of the people who run the installation only."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Tenant)
class TenantAdmin(SuperuserAdmin):
    list_display = ("name", "slug", "country", "records_calls", "is_active")
    search_fields = ("name", "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Everything a company has would go with it; deactivate instead.
        return False


@admin.register(User)
class PersonAdmin(SuperuserAdmin, UserAdmin):  # type: ignore[type-arg]
    list_display = ("email", "name", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "name", "clerk_user_id", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)
    filter_horizontal = ("user_permissions",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "role", "is_active", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
