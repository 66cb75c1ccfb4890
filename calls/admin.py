"""Django admin for numbers, and for lines, and calls as they were told to us: looked at, never
edited.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import model_to_dict
from django.http import HttpRequest

from calls.facts import states
from calls.gateway.accounts import TwilioNotConfigured, account_of
from calls.models import (
    CallEvent,
    CallingCeiling,
    CallingPolicy,
    CallLeg,
    CallLog,
    Group,
    Line,
    Menu,
    PhoneNumber,
    Recording,
    Sound,
    StoppedCall,
    UnroutedEvent,
    VoicemailBox,
)
from calls.selectors import admin_lists, limits
from calls.services.setup.numbers import is_taken, make_default
from contacts.numbers import NumberError, parse_own
from tenants.admin import ReadOnlyAdmin, SuperuserAdmin, TenantScopedAdmin
from tenants.fence.context import current_tenant_id
from tenants.models import Tenant
from tenants.people.admin_pages import among
from tenants.signing_in.known import known


class PhoneNumberForm(forms.ModelForm):
    """What is typed is not asked of Twilio: twilio_doctor looks whether the account owns it."""

    number = forms.CharField(
        max_length=40,
        help_text="With its country code, like +14155550100. manage.py assign_number asks Twilio "
        "for it; a number typed here is checked by manage.py twilio_doctor.",
    )

    class Meta:
        model = PhoneNumber
        fields = ("number", "label", "is_default")

    def clean_number(self) -> str:
        try:
            number = parse_own(self.cleaned_data["number"], "")
            account_sid = account_of(current_tenant_id()).sid
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None
        except TwilioNotConfigured:
            raise forms.ValidationError(
                "No Twilio account is set up; manage.py twilio_doctor says what is missing."
            ) from None
        if is_taken(account_sid, number):
            raise forms.ValidationError("This number is in use already.", code="taken")
        self.instance.account_sid = account_sid
        return number


@admin.register(PhoneNumber)
class PhoneNumberAdmin(TenantScopedAdmin):
    list_display = ("number", "label", "is_default", "twilio_sid")
    search_fields = ("number", "label")
    actions = ("use_by_default",)

    def get_form(
        self,
        request: HttpRequest,
        obj: PhoneNumber | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm]:
        # Another number would be another row: calls refer to this one by what it is.
        if obj is None:
            kwargs["form"] = PhoneNumberForm
        form: type[forms.ModelForm] = super().get_form(request, obj, change, **kwargs)
        return form

    def get_fields(self, request: HttpRequest, obj: PhoneNumber | None = None) -> Any:
        told = ("account_sid", "twilio_sid", "created_at") if obj else ()
        return ("number", "label", "is_default", *told)

    def get_readonly_fields(self, request: HttpRequest, obj: PhoneNumber | None = None) -> Any:
        return ("number", "account_sid", "twilio_sid", "created_at") if obj else ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A number's line goes with it, which nobody changes here."""
        objects, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return objects, counts, lacking - {Line._meta.verbose_name}, protected

    @admin.action(description="Use as caller ID by default", permissions=["change"])
    def use_by_default(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> None:
        if len(chosen := list(queryset[:2])) != 1:
            self.message_user(request, "Choose one number only.", level="ERROR")
            return
        make_default(chosen[0])
        self.message_user(request, f"{chosen[0]} is the caller ID unless another is chosen.")

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.is_default:
            make_default(obj)


OUTCOMES = sorted(states.TERMINAL | {"declined"})
KINDS = (states.CALL, states.CONFERENCE, states.ACTION, states.LOCAL)


class _FoundAdmin(ReadOnlyAdmin):
    """`found` says what is listed for what was typed (calls/admin_lists.py)."""

    found: Callable[[str, str], Q]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        tenant = known(request).tenant
        country = tenant.country if tenant else ""
        return queryset.filter(self.found(search_term.strip(), country)), False


@admin.register(CallLog)
class CallLogAdmin(_FoundAdmin):
    list_display = (
        "started_at",
        "direction",
        "from_number",
        "to_number",
        "contact",
        "user",
        "status",
        "duration",
        "missed",
    )
    list_display_links = ("started_at", "to_number")
    list_select_related = ("contact", "user")
    list_filter = ("direction", among("outcome", OUTCOMES))
    search_fields = ("to_number",)  # shows the field; the search itself is ours
    search_help_text = "A number, a call SID (CA…), or words of the contact."
    ordering = ("-started_at", "-id")
    found = staticmethod(admin_lists.calls)


@admin.register(CallLeg)
class CallLegAdmin(_FoundAdmin):
    list_display = ("created_at", "party", "user", "call_sid", "status", "joined_at", "left_at")
    list_select_related = ("user",)
    list_filter = ("party",)
    search_fields = ("call_sid",)
    search_help_text = (
        "A call SID (CA…) or the other side’s number. Listed are the legs of the latest calls."
    )
    found = staticmethod(admin_lists.legs)
    ordering = ("-created_at",)
    exclude = ("conference",)


@admin.register(CallEvent)
class CallEventAdmin(_FoundAdmin):
    list_display = ("at", "kind", "name", "call_sid", "sequence", "received_at")
    list_select_related = ("leg",)
    list_filter = (among("kind", KINDS),)
    search_fields = ("name",)
    search_help_text = "A call SID (CA…), or the name of an event, if it is one of the latest."
    ordering = ("-id",)
    found = staticmethod(admin_lists.events)
    fields = (
        *("at", "kind", "name", "call_sid", "sequence", "duration", "sip_code", "error_code"),
        *("payload", "received_at"),
    )

    @admin.display(description="call SID", ordering="leg__call_sid")
    def call_sid(self, event: CallEvent) -> str:
        return (event.leg.call_sid if event.leg else "") or ""


@admin.register(Recording)
class RecordingAdmin(_FoundAdmin):
    list_display = (
        *("created_at", "sid", "call", "state", "duration", "is_voicemail", "attempts", "error"),
    )
    list_select_related = ("call",)
    list_filter = ("state",)
    search_fields = ("sid",)
    search_help_text = (
        "The SID of a recording (RE…) or a call (CA…), or the other side’s number. Listed are the "
        "latest calls’ recordings."
    )
    ordering = ("-created_at",)
    found = staticmethod(admin_lists.recordings)


@admin.register(Line)
class LineAdmin(ReadOnlyAdmin):
    """Plans are changed on the workspace's own pages, where none is kept that loses a caller."""

    list_display = ("number", "language", "when_open", "when_closed", "greeting_text")
    list_select_related = ("number",)
    ordering = ("number__number", "id")


@admin.register(Group, Menu, VoicemailBox)
class BlockAdmin(ReadOnlyAdmin):
    list_display = ("name", "id")
    ordering = ("name", "id")


@admin.register(Sound)
class SoundAdmin(ReadOnlyAdmin):
    list_display = ("name", "content_type", "duration", "size", "path", "created_at")
    ordering = ("name", "id")


class _CapsAdmin(SuperuserAdmin):
    """One row of a workspace, made here with what holds without it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and not self.model._default_manager.exists()


@admin.register(CallingPolicy)
class CallingPolicyAdmin(_CapsAdmin):
    """What the workspace's admins have chosen on their page."""

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        return model_to_dict(limits.chosen())


@admin.register(CallingCeiling)
class CallingCeilingAdmin(_CapsAdmin):
    """What they cannot exceed: for who runs the installation only."""

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        return model_to_dict(limits.ceiling())


@admin.register(StoppedCall)
class StoppedCallAdmin(ReadOnlyAdmin):
    list_display = ("last_at", "rule", "user", "count", "last_number", "message")
    list_select_related = ("user",)
    list_filter = ("rule",)
    search_fields = ("last_number", "user__email")
    ordering = ("-last_at",)


@admin.register(UnroutedEvent)
class UnroutedEventAdmin(ReadOnlyAdmin):
    """What is bound to no call belongs to no workspace, so it is for who runs the installation
    only. Even they see here what speaks of the workspace that they work in, or of none that exists.
    """

    list_display = ("received_at", "reason", "hook", "call_sid", "account_sid", "next_try_at")
    list_filter = ("hook",)
    search_fields = ("call_sid", "account_sid", "reason")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnroutedEvent]:
        others = Tenant.objects.exclude(pk=current_tenant_id())
        return super().get_queryset(request).exclude(named_tenant__in=others.values("pk"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and super().has_view_permission(request, obj)
