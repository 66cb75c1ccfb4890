"""Django admin for the contacts of one's own workspace."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from contacts import services
from contacts.models import Contact, ContactNumber
from contacts.numbers import NumberError, parse
from contacts.selectors import find_contacts
from tenants.admin import TenantScopedAdmin


class NumberForm(forms.ModelForm):
    """A number in any usual form, stored as E.164."""

    # Longer than E.164: people type spaces, brackets and dashes.
    number = forms.CharField(max_length=40)
    country = "US"  # of the workspace; set by the inline

    class Meta:
        model = ContactNumber
        fields = ("number", "label", "position")

    def clean_number(self) -> str:
        try:
            return parse(self.cleaned_data["number"], self.country)
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None


class NumberInline(admin.TabularInline):
    model = ContactNumber
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        country = request.tenant.country  # type: ignore[attr-defined]
        kwargs["form"] = type("NumberForm", (NumberForm,), {"country": country})
        return super().get_formset(request, obj, **kwargs)


@admin.register(Contact)
class ContactAdmin(TenantScopedAdmin):
    list_display = ("name", "company", "email", "updated_at")
    search_fields = ("name",)  # shows the field; the search itself is ours
    inlines = (NumberInline,)
    fields = ("name", "company", "email")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=find_contacts(search_term, archived=None).values("pk")), False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        services.reindex(form.instance)
