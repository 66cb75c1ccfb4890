"""What a person shows of themselves: e-mail, password, code."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password

from tenants.models import User, UserManager
from tenants.signing_in import throttle


class SignInForm(AuthenticationForm):
    """Sign-in by e-mail. Errors never tell whether the address exists. `wait`: see `ProofForm`."""

    wait = 0

    username = forms.EmailField(
        label="Email",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    error_messages = {
        "invalid_login": "Wrong email or password. Try again.",
        "inactive": "Wrong email or password. Try again.",
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


def email_field(required: str) -> forms.EmailField:
    """As long as an account's; `required` is said when it is empty."""
    invalid = "Enter an address like maria@example.com."
    return forms.EmailField(
        max_length=254, error_messages={"required": required, "invalid": invalid}
    )


class EmailForm(forms.Form):
    email = email_field("Enter your email.")


class CodeForm(forms.Form):
    """The second factor: six digits, or a backup code."""

    code = forms.CharField(max_length=40, error_messages={"required": "Enter the code."})


class NameForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
        error_messages = {"name": {"required": "Enter your name."}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True


class PasswordForm(forms.Form):
    """The password of whose session this is, before how they sign in is changed.

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
            raise forms.ValidationError("Wrong password.")
        return password


class ProofForm(PasswordForm, CodeForm):
    """Password and code, before the second factor is changed."""


class NewPasswordForm(PasswordForm):
    """The present password and, twice, the one to come."""

    new_password1 = forms.CharField(
        strip=False, max_length=4096, error_messages={"required": "Enter a new password."}
    )
    new_password2 = forms.CharField(
        strip=False, max_length=4096, error_messages={"required": "Repeat the new password."}
    )

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, Any]:
        first, second = (self.cleaned_data.get(f"new_password{n}") for n in (1, 2))
        if first and second and first != second:
            self.add_error("new_password2", "The passwords don’t match.")
        return self.cleaned_data
