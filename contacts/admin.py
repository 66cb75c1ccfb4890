"""Django admin for the contacts of one's own workspace."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from contacts import services
from contacts.finding import first_ids
from contacts.models import Contact, ContactNumber
from contacts.numbers import Number, NumberError, parse
from tenants.admin import TenantScopedAdmin
from tenants.signing_in.known import known
from tenants.trail import audit
from tenants.trail.audit import Action

_MOST_FOUND = 200  # contacts, and of the archive; among more one types another word


class NumberForm(forms.ModelForm):
    """A number in any usual form, stored as E.164 with its extension."""

    # Longer than E.164: people type spaces, brackets and dashes.
    number = forms.CharField(max_length=40)
    country = "US"  # of the workspace; set by the inline

    class Meta:
        model = ContactNumber
        fields = ("number", "label", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.extension:
            self.initial["number"] = self.instance.full

    def clean_number(self) -> str:
        try:
            found = parse(self.cleaned_data["number"], self.country, by_hand=True)
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None
        self.instance.extension = found.extension
        return found.number

    @property
    def full(self) -> str:
        return str(Number(self.cleaned_data["number"], self.instance.extension))


class NumberFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        seen: set[str] = set()
        for form in self.kept():
            full = form.full
            if full in seen:
                form.add_error("number", "This contact has that number.")
            seen.add(full)

    def kept(self) -> list[Any]:
        """The filled-in rows that are not to be deleted, in their order."""
        rows = [
            form
            for form in self.forms
            if getattr(form, "cleaned_data", {}).get("number")
            and not form.cleaned_data.get("DELETE")
        ]
        return sorted(rows, key=lambda form: form.cleaned_data.get("position") or 0)


class NumberInline(admin.TabularInline):
    model = ContactNumber
    formset = NumberFormSet
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        tenant = known(request).tenant
        country = tenant.country if tenant else ""
        kwargs["form"] = type("NumberForm", (NumberForm,), {"country": country})
        return super().get_formset(request, obj, **kwargs)


class ArchivedFilter(admin.SimpleListFilter):
    title = parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(archived_at__isnull=self.value() == "no")


@admin.register(Contact)
class ContactAdmin(TenantScopedAdmin):
    list_display = ("name", "company", "email", "archived_at", "updated_at")
    list_filter = (ArchivedFilter,)
    search_fields = ("name",)  # shows the field; the search itself is ours
    search_help_text = "Words of name, company and email, or digits of a number."
    inlines = (NumberInline,)
    fields = ("name", "company", "email", "owner", "archived_at")
    # Who may own it is known to the contact's own form.
    readonly_fields = ("owner", "archived_at")
    actions = ("archive", "restore")
    sortable_by = ()  # by name, as the index is

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_archived(request, queryset, True)

    @admin.action(description="Take back out of the archive", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_archived(request, queryset, False)

    def _set_archived(
        self, request: HttpRequest, queryset: QuerySet[Contact], archived: bool
    ) -> None:
        contacts = list(queryset)
        action = Action.CONTACT_ARCHIVED if archived else Action.CONTACT_RESTORED
        for contact in contacts:
            if services.set_archived(contact, archived, now=timezone.now()):
                audit.record(action, on=contact)
        what = "archived" if archived else "taken out of the archive"
        self.message_user(request, f"Contacts {what}: {len(contacts)}.")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=first_ids(search_term, most=_MOST_FOUND)), False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        (numbers,) = formsets
        numbers.save(commit=False)  # notes what changed, for the history
        contact = form.instance
        services.update_contact(
            contact,
            name=contact.name,
            company=contact.company,
            email=contact.email,
            numbers=[(row.full, row.cleaned_data["label"]) for row in numbers.kept()],
        )
