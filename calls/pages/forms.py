"""What a person fills in about calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from calls.facts import states
from calls.facts.limits import Caps
from calls.models import CallingCeiling, CallingPolicy, PhoneNumber
from calls.selectors import presentation
from calls.selectors.history import DIRECTIONS, LIVE, MISSED, TO_RETURN, Filters
from contacts.numbers import NumberError, display, parse
from tenants.bricks import merging
from tenants.bricks.places import countries

_STATUSES = (
    states.COMPLETED,
    states.NO_ANSWER,
    states.BUSY,
    "declined",
    states.FAILED,
    states.CANCELED,
)


STATUS_CHOICES = (
    ("", "Any"),
    (LIVE, "In progress"),
    *((status, presentation.STATUS[status][0]) for status in _STATUSES),
)


class LostSoundForm(forms.Form):
    """What the shim says of a loss: the how manyth of its leg it is, and how many ms ago it was."""

    number = forms.IntegerField(min_value=1, max_value=20)
    ago = forms.IntegerField(min_value=0, max_value=180_000)


class OwnPhoneForm(forms.Form):
    """What an agent does about their own phone; what is wrong with it the service says."""

    do = forms.ChoiceField(
        choices=[(do, do) for do in ("call", "confirm", "forget", "on", "off", "remove")]
    )
    number = forms.CharField(required=False, max_length=100)
    code = forms.CharField(required=False, max_length=20)


class DayField(forms.DateField):
    widget = forms.DateInput(format="%Y-%m-%d")
    default_validators = [
        MinValueValidator(date(1970, 1, 1), "No calls on that date."),
        MaxValueValidator(date(9999, 12, 30), "No calls on that date."),
    ]

    def __init__(self) -> None:
        super().__init__(
            required=False,
            input_formats=["%Y-%m-%d"],
            error_messages={"invalid": "Enter a day like 2026-11-22."},
        )


class HistoryFilter(forms.Form):
    """The history's filters, from the query string. What is wrong is left out, and said."""

    direction = forms.ChoiceField(
        choices=[("", "All"), *((name, name) for name in (*DIRECTIONS, MISSED, TO_RETURN))],
        required=False,
    )
    status = forms.ChoiceField(
        choices=STATUS_CHOICES,
        required=False,
        error_messages={"invalid_choice": "That status is unknown."},
    )
    agent = forms.TypedChoiceField(
        coerce=UUID,
        empty_value=None,
        required=False,
        error_messages={"invalid_choice": "That agent is unknown."},
    )
    since = DayField()
    until = DayField()
    recorded = forms.BooleanField(required=False)
    q = forms.CharField(max_length=100, required=False)
    contact = forms.UUIDField(
        required=False, error_messages={"invalid": "That contact is unknown."}
    )

    def __init__(
        self, query: QueryDict, *, agents: Callable[[], Sequence[tuple[str, str]]]
    ) -> None:
        """`agents` (id and name) is asked when one is chosen."""
        super().__init__(query, auto_id="history_%s")
        agent: Any = self.fields["agent"]
        agent.choices = agents

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", "“To” is before “From”.")
        return self.cleaned_data

    def read(self) -> Filters:
        """The filters that make sense."""
        self.is_valid()
        given = self.cleaned_data
        return Filters(
            direction=given.get("direction", ""),
            status=given.get("status", ""),
            agent=given.get("agent"),
            contact=given.get("contact"),
            since=given.get("since"),
            until=given.get("until"),
            recorded=given.get("recorded", False),
            text=given.get("q", ""),
        )


class NoteForm(forms.Form):
    """Why a number is blocked, for whoever wonders later."""

    note = forms.CharField(max_length=200, required=False)


class BlockForm(NoteForm):
    """A number whose calls are rejected, in any usual form."""

    number = forms.CharField(max_length=40, error_messages={"required": "Enter a phone number."})

    def __init__(self, data: QueryDict | None, *, country: str) -> None:
        super().__init__(data)
        self.country = country

    def clean_number(self) -> str:
        try:
            return parse(self.cleaned_data["number"], self.country).number
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None


class CallerIdForm(forms.Form):
    """The workspace's numbers, the one that is called from first: what each is called
    (`label-<id>`), and which is the default.
    """

    default = forms.TypedChoiceField(
        coerce=UUID,
        error_messages={
            "required": "Choose the number to call from.",
            "invalid_choice": "This isn’t one of your numbers.",
        },
    )

    def __init__(self, data: QueryDict | None, *, numbers: Sequence[PhoneNumber]) -> None:
        super().__init__(data, initial={"default": _first(numbers)})
        default: Any = self.fields["default"]
        default.choices = [(str(number.pk), display(number.number)) for number in numbers]
        length = PhoneNumber._meta.get_field("label").max_length
        for number in numbers:
            self.fields[f"label-{number.pk}"] = forms.CharField(
                max_length=length, required=False, initial=number.label
            )

    def facts(self) -> merging.Facts:
        """Of a valid form, as `caller_id_facts`, but of a number that came in the meantime."""
        sent = {name: value for name, value in self.cleaned_data.items() if name in self.data}
        return sent | {"default": str(self.cleaned_data["default"])}


def caller_id_facts(numbers: Sequence[PhoneNumber]) -> merging.Facts:
    labels = {f"label-{number.pk}": number.label for number in numbers}
    return labels | {"default": _first(numbers)}


def _first(numbers: Sequence[PhoneNumber]) -> str:
    return str(numbers[0].pk) if numbers else ""


class _Sid(forms.RegexField):
    def __init__(self, prefix: str, what: str) -> None:
        super().__init__(
            rf"\A{prefix}[0-9a-f]{{32}}\Z",
            error_messages={
                "required": f"Enter {what}.",
                "invalid": f"It starts with {prefix}, followed by 32 digits or letters a–f.",
            },
        )


class _Secret(forms.RegexField):
    """What is pasted; it is never shown again, not even to be corrected."""

    widget = forms.PasswordInput(render_value=False)

    def __init__(self, what: str) -> None:
        super().__init__(
            r"\A[!-~]{8,200}\Z",
            error_messages={
                "required": f"Enter {what}.",
                "invalid": "That is too short or too long, or has invalid characters.",
            },
        )


class TokenForm(forms.Form):
    """The new auth token of the workspace's own account."""

    auth_token = _Secret("the auth token")


class AccountForm(TokenForm):
    """A Twilio account of the workspace's own."""

    sid = _Sid("AC", "the account's SID")
    api_key_sid = _Sid("SK", "the API key's SID")
    api_key_secret = _Secret("the API key's secret")


class CallingLimitsForm(forms.Form):
    """The workspace's calling limits, none above its ceiling."""

    countries = forms.MultipleChoiceField(
        required=False,
        error_messages={"invalid_choice": "Calls there can’t be allowed: %(value)s."},
    )

    def __init__(
        self, data: QueryDict | None, *, chosen: CallingPolicy, ceiling: CallingCeiling
    ) -> None:
        highest = Caps.read(ceiling)
        initial = asdict(Caps.read(chosen).within(highest))
        super().__init__(data, initial=initial | {"countries": chosen.countries})
        countries_field: Any = self.fields["countries"]
        refused = set(ceiling.refused_countries)
        countries_field.choices = [each for each in countries() if each[0] not in refused]
        for name, most in asdict(highest).items():
            is_money = isinstance(most, Decimal)
            least = 0 if is_money else 1
            messages = {
                "required": "Enter a number.",
                "invalid": "Enter a number like 12.50." if is_money else "Enter a whole number.",
                "min_value": f"Enter {least} or more.",
                "max_value": f"Enter {most} or less, your system administrator’s limit.",
            }
            self.fields[name] = (
                forms.DecimalField(
                    min_value=0,
                    max_value=most,
                    max_digits=9,
                    decimal_places=2,
                    error_messages=messages,
                )
                if is_money
                else forms.IntegerField(min_value=1, max_value=most, error_messages=messages)
            )

    def facts(self) -> merging.Facts:
        """Of a valid form, as `limit_facts`."""
        return limit_facts(self.cleaned_data)


def limit_facts(values: Mapping[str, Any]) -> merging.Facts:
    """The caps, and each country that may be called."""
    caps = {field.name: _plain(values[field.name]) for field in fields(Caps)}
    return caps | dict.fromkeys(sorted(values["countries"]), True)


def posted_limits(facts: merging.Facts) -> QueryDict:
    """As the form would send them."""
    names = {field.name for field in fields(Caps)}
    data = merging.posted({name: facts[name] for name in names})
    data.setlist("countries", sorted(code for code in facts.keys() - names if facts[code]))
    return data


def _plain(cap: int | Decimal) -> str:
    """12.50 and 12.5 are the same."""
    return f"{Decimal(cap).normalize():f}"
