"""Django admin for numbers, and for calls as they were told to us: looked at, never edited."""

from django import forms
from django.contrib import admin

from calls.accounts import account_of
from calls.models import CallEvent, CallLeg, CallLog, PhoneNumber, Recording
from contacts.numbers import NumberError, parse
from tenants.admin import ReadOnlyAdmin, TenantScopedAdmin
from tenants.context import current_tenant_id


class PhoneNumberForm(forms.ModelForm):
    number = forms.CharField(max_length=40, help_text="With its country code, like +14155550100.")

    class Meta:
        model = PhoneNumber
        fields = ("number", "label", "is_default")

    def clean_number(self) -> str:
        try:
            number = parse(self.cleaned_data["number"], "")
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None
        account_sid = account_of(current_tenant_id()).sid
        taken = PhoneNumber.unscoped.filter(account_sid=account_sid, number=number)
        if taken.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("This number is in use already.", code="taken")
        self.instance.account_sid = account_sid
        return number


@admin.register(PhoneNumber)
class PhoneNumberAdmin(TenantScopedAdmin):
    form = PhoneNumberForm
    list_display = ("number", "label", "is_default")
    search_fields = ("number", "label")


@admin.register(CallLog)
class CallLogAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "direction", "from_number", "to_number", "status", "duration")
    list_filter = ("direction", "outcome")
    search_fields = ("from_number", "to_number", "twilio_call_sid")
    ordering = ("-started_at", "-id")
    show_full_result_count = False


@admin.register(CallLeg)
class CallLegAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "party", "call_sid", "status", "joined_at", "left_at")
    search_fields = ("call_sid",)
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(CallEvent)
class CallEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "name", "leg_id", "sequence")
    list_filter = ("kind",)
    ordering = ("-at", "-id")
    show_full_result_count = False


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "sid", "state", "duration", "attempts", "error")
    list_filter = ("state",)
    search_fields = ("sid",)
    show_full_result_count = False
