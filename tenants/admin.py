"""Django admin for workspaces and people, inside the one workspace that is worked in.

Staff see their own; a superuser picks one (`tenants.people.admin_site`).
"""

import contextlib
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants.fence.context import TenantNotSet, current_tenant_id
from tenants.models import Membership, Tenant, User, UserManager
from tenants.people import services
from tenants.people.admin_pages import CappedAdmin
from tenants.signing_in.known import known
from tenants.trail import audit
from tenants.trail.audit import Action

# Groups belong to no workspace, and roles are those of memberships; second factors are of people
# of all workspaces, and secret.
admin.site.unregister([Group, TOTPDevice, StaticDevice])


class TenantScopedAdmin(CappedAdmin):
    """Admin of a tenant table: it shows the workspace that is worked in, for the admin is no
    exception. Without a workspace there is nothing to show.
    """

    def _has_tenant(self, request: HttpRequest) -> bool:
        return getattr(request, "tenant", None) is not None

    def get_object(self, request: HttpRequest, *args: Any) -> Any:
        # Django's views look for the object before they ask for the permission.
        if not self._has_tenant(request):
            raise PermissionDenied
        found = super().get_object(request, *args)
        if found is not None and request.method == "GET":
            _note(Action.ADMIN_VIEWED, found, write=audit.record_look)
        return found

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

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _note(Action.ADMIN_ADDED, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _note(Action.ADMIN_CHANGED, obj, fields=_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            _note(Action.ADMIN_DELETED, obj)
        return super().log_deletions(request, queryset)


def _note(
    action: Action, obj: Any, *, write: Callable[..., None] = audit.record, **details: Any
) -> None:
    """In the trail of the workspace that is worked in; one that is just being made has none yet."""
    with contextlib.suppress(TenantNotSet):
        if not isinstance(obj, Tenant) or obj.pk == current_tenant_id():
            write(action, on=obj, **details)


def _fields(message: Any) -> str:
    """The names of the changed fields in the admin's own message, or that message."""
    if isinstance(message, str):
        return message[:200]
    changed = [what for part in message for what in (part.get("changed") or {}).get("fields", [])]
    return ", ".join(changed)[:200]


class ReadOnlyAdmin(TenantScopedAdmin):
    """What the provider told us: looked at, never edited. Its tables are large: they are shown in
    the order of an index, and searched by one.
    """

    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SuperuserAdmin(TenantScopedAdmin):
    """Tables above the tenants: of the people who run the installation only. What is deleted there
    would take a company's calls along; it is deactivated instead.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser) and self._has_tenant(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and self._has_tenant(request)

    has_change_permission = has_view_permission

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Tenant)
class TenantAdmin(SuperuserAdmin):
    """The workspace that is worked in; a new one is made here, too, and then picked."""

    list_display = ("name", "slug", "country", "time_zone", "records_calls", "is_active")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        tenant = known(request).tenant
        return super().get_queryset(request).filter(pk=tenant.pk if tenant else None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def response_add(
        self, request: HttpRequest, obj: Tenant, post_url_continue: str | None = None
    ) -> HttpResponse:
        self.message_user(request, f"{obj.name} was created. Pick it to work in it.")
        return HttpResponseRedirect(reverse("admin:pick_workspace"))


@admin.register(User)
class PersonAdmin(SuperuserAdmin, UserAdmin):  # type: ignore[type-arg]
    """The people of the workspace. New ones come as memberships."""

    list_display = ("email", "name", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login",)
    fieldsets = (
        (None, {"fields": ("email", "name", "clerk_user_id", "password", "last_login")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
    )
    filter_horizontal = ("user_permissions",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        members = Membership.objects.values("user_id")
        return super().get_queryset(request).filter(pk__in=members)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


_TAKEN = (
    "This person belongs to another workspace and has a password, which someone there may have "
    "set: with it they would be in this one, too. Ask the person, through a channel you trust, "
    "whether the account is theirs alone. If not, set a new password for it first (manage.py "
    "add_member says how)."
)


class NewMemberForm(forms.ModelForm):
    email = forms.EmailField(help_text="A known person keeps their name and password.")
    name = forms.CharField(max_length=120, required=False)
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty: no one can sign in as them until they have one.",
    )
    account_is_theirs = forms.BooleanField(
        required=False,
        help_text="Only asked for someone who belongs to another workspace and has a password.",
    )
    made: Membership

    class Meta:
        model = Membership
        fields = ("role",)

    def clean_email(self) -> str:
        email = UserManager.normalize_email(self.cleaned_data["email"])
        if Membership.objects.filter(user__email=email).exists():
            raise forms.ValidationError("They are a member already.", code="taken")
        return email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password

    def clean(self) -> None:
        """The service does it here, where its refusal can still be said at the field."""
        if self.errors:
            return
        tenant = Tenant.objects.get(pk=current_tenant_id())
        try:
            self.made, _ = services.add_member(tenant, **self.cleaned_data)
        except services.AddressTaken:
            self.add_error("account_is_theirs", _TAKEN)


class MemberForm(forms.ModelForm):
    class Meta:
        model = Membership
        fields = ("role", "is_active")

    def clean(self) -> None:
        """The services do it here, where their refusal can still be said at the field."""
        if self.errors:
            return
        member = Membership.objects.select_related("user").get(pk=self.instance.pk)
        field = "role"
        try:
            with transaction.atomic():
                services.set_role(member, self.cleaned_data["role"])
                field = "is_active"
                services.set_active(member, self.cleaned_data["is_active"])
        except services.LastAdmin:
            self.add_error(field, "The workspace would have no admin. Make another one first.")


@admin.register(Membership)
class MembershipAdmin(TenantScopedAdmin):
    """Who belongs to the workspace. Deactivated, never deleted: calls refer to it."""

    list_display = ("user", "role", "is_active", "created_at")
    list_filter = ("role", "is_active")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")

    def get_form(
        self,
        request: HttpRequest,
        obj: Membership | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm]:
        kwargs["form"] = NewMemberForm if obj is None else MemberForm
        form: type[forms.ModelForm] = super().get_form(request, obj, change, **kwargs)
        return form

    def get_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        if obj is None:
            return ("email", "name", "role", "password", "account_is_theirs")
        return ("user", "role", "is_active", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        return ("user", "created_at") if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        # It can join a person of another workspace to this one.
        return bool(request.user.is_superuser) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            return  # the form's services have
        made = form.made
        obj.pk, obj.tenant_id, obj.user = made.pk, made.tenant_id, made.user
