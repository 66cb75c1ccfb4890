"""What a person fills in about themselves and their workspace."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import phonenumbers
from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from phonenumbers.geodata.locale import LOCALE_DATA

from tenants import throttle
from tenants.models import Role, Tenant, User, UserManager, time_zone_names


class SignInForm(AuthenticationForm):
    """Sign-in by e-mail. Errors never tell whether the address exists. `wait`: see `ProofForm`."""

    wait = 0

    username = forms.EmailField(
        label="Email",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    error_messages = {
        "invalid_login": "Email and password do not match. Check both and try again.",
        "inactive": "Email and password do not match. Check both and try again.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    def clean_username(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["username"])

    def get_invalid_login_error(self) -> forms.ValidationError:
        request: Any = self.request
        self.wait = throttle.seconds_to_wait(request, self.cleaned_data["username"])
        if self.wait:
            return forms.ValidationError(throttle.sentence(self.wait))
        return super().get_invalid_login_error()


class CodeForm(forms.Form):
    """The second factor: six digits, or a backup code."""

    code = forms.CharField(max_length=40, error_messages={"required": "Enter the code."})


class ProofForm(CodeForm):
    """Password and code of whose session this is, before their second factor is changed.

    `wait` is the number of seconds to wait after too many failures, else 0.
    """

    wait = 0
    password = forms.CharField(
        strip=False, max_length=4096, error_messages={"required": "Enter your password."}
    )

    def __init__(self, request: Any, user: User, data: Any = None) -> None:
        super().__init__(data)
        self.request = request
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        email = self.user.email
        # It also counts a wrong one, and refuses when there were too many.
        if authenticate(self.request, username=email, password=password) is None:
            self.wait = throttle.seconds_to_wait(self.request, email)
            if self.wait:
                raise forms.ValidationError(throttle.sentence(self.wait))
            raise forms.ValidationError("This is not your password.")
        return password


@cache
def countries() -> Sequence[tuple[str, str]]:
    """(ISO code, English name) of every country that has telephone numbers, by name."""
    found = []
    for code in phonenumbers.SUPPORTED_REGIONS:
        names = LOCALE_DATA.get(code, {})
        name = names.get("en", code)
        # "*de" means: the same as in German.
        found.append((code, names.get(name[1:], code) if name.startswith("*") else name))
    return sorted(found, key=lambda country: country[1])


@cache
def time_zones() -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Time zones by area: (`Europe`, [(`Europe/Berlin`, `Berlin`), …])."""
    areas: dict[str, list[tuple[str, str]]] = {"": [("UTC", "UTC")]}
    for name in sorted(time_zone_names()):
        area, slash, place = name.partition("/")
        # Etc/GMT+5 and the like have their signs the wrong way round for people.
        if slash and area not in ("Etc", "SystemV", "posix", "right"):
            areas.setdefault(area, []).append((name, place.replace("_", " ")))
    return list(areas.items())


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

    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": "Enter the person's email address.",
            "invalid": "Enter an address like maria@example.com.",
        },
    )
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
    role = forms.ChoiceField(choices=Role.choices)
