"""What an admin fills in about numbers."""

import re
from typing import Any

from django import forms

from calls.facts.numbers import AREA_CODES, KINDS, search_problem
from calls.models import PhoneNumber
from contacts.numbers import E164
from tenants.bricks.places import countries


class NumberSearchForm(forms.Form):
    """Which numbers to look for; from the query string."""

    country = forms.ChoiceField(
        choices=countries,
        error_messages={"required": "Choose a country.", "invalid_choice": "Choose a country."},
    )
    kind = forms.ChoiceField(
        choices=[(kind, name) for kind, (_, _, name) in KINDS.items()],
        error_messages={"required": "Choose a kind.", "invalid_choice": "Choose a kind."},
    )
    area_code = forms.RegexField(
        r"\A[2-9]\d\d\Z",
        required=False,
        error_messages={"invalid": "Enter three digits, such as 415."},
    )
    # Not *contains*: a form in a page has a method of that name, which its fields would hide.
    digits = forms.CharField(max_length=30, required=False)

    def clean_digits(self) -> str:
        digits = re.sub(r"[\s().-]", "", self.cleaned_data["digits"])
        if digits and (problem := search_problem(digits)):
            raise forms.ValidationError(problem)
        return digits

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("area_code") and given.get("country") not in (None, *AREA_CODES):
            self.add_error("area_code", "Only US and Canadian numbers have one. Leave it empty.")
        return given


class ChosenNumberForm(forms.Form):
    """A number of the search that is to be bought, as links and the form carry it on."""

    number = forms.RegexField(E164)
    country = forms.ChoiceField(choices=countries)
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS])


def _sid(prefix: str) -> forms.RegexField:
    return forms.RegexField(
        rf"\A{prefix}[0-9a-f]{{32}}\Z",
        required=False,
        error_messages={
            "invalid": f"It starts with {prefix}, followed by 32 digits or letters a–f."
        },
    )


class BuyForm(ChosenNumberForm):
    """What the number is called, and the documents that its country may ask for."""

    label = forms.CharField(
        max_length=PhoneNumber._meta.get_field("label").max_length, required=False
    )
    address_sid = _sid("AD")
    bundle_sid = _sid("BU")


class ReleaseForm(forms.Form):
    """The last digits of the number, typed by hand: what is released may be lost for good."""

    typed = forms.CharField(max_length=40, required=False)

    def __init__(self, *args: Any, number: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._number = number

    def clean_typed(self) -> str:
        typed = re.sub(r"\D", "", self.cleaned_data["typed"])
        if len(typed) < 4 or not self._number.endswith(typed):
            raise forms.ValidationError(f"Type {self._number[-4:]} to release this number.")
        return typed
