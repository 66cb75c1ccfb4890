"""What an admin fills in about the workspace and its people."""

from typing import Any

from django import forms

from tenants.bricks.places import countries
from tenants.models import Role, Tenant, User, UserManager
from tenants.signing_in.forms import email_field


class WorkspaceForm(forms.ModelForm):
    """The workspace's own settings."""

    country = forms.ChoiceField(
        error_messages={"invalid_choice": "Choose a country from the list."}
    )

    class Meta:
        model = Tenant
        fields = ("name", "country", "time_zone", "records_calls", "requires_second_factor")
        error_messages = {"name": {"required": "Enter a name for the workspace."}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country: Any = self.fields["country"]
        country.choices = countries()


class InviteForm(forms.Form):
    """Somebody new."""

    email = email_field("Enter the person's email address.")
    name = forms.CharField(
        max_length=User._meta.get_field("name").max_length,
        error_messages={"required": "Enter the person's name."},
    )
    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.AGENT,
        error_messages={"invalid_choice": "Choose a role from the list."},
    )

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])


class RoleForm(forms.Form):
    """The role that somebody is to have, and the one that the page has shown of them."""

    role = forms.ChoiceField(choices=Role.choices)
    was = forms.CharField(required=False)
