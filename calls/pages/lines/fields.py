"""What the forms of lines and their blocks have in common: where calls go, and what is heard.

Every field has one value and a name of its own, so that a form can be merged with what somebody
else has saved meanwhile (`merging`), and kept while a block is made that it shall lead to
(`drafts`). *Facts* are what a form says, once it is judged: places as `written.place` has them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import cached_property

from calls.facts.inbound import written
from calls.facts.inbound.hours import Problem
from calls.facts.inbound.plans import Announcement, Go, Target
from calls.models.lines import LONGEST_TEXT
from contacts.numbers import NumberError, display, parse
from tenants.bricks import merging

NEW = "new"  # of a place (`new:group`) or a sound: it is to be made first
THIS = "menu:this"  # a new menu itself, which has no id yet
EARLIEST, YEARS_AHEAD = 2000, 9  # of days, in years
_CHOOSE = {"invalid_choice": "This is no longer there. Choose another."}
Choice = tuple[str, str]


@dataclass(frozen=True)
class Person:
    """A member; `id` is the hex of the person's."""

    id: str
    name: str
    is_active: bool


@dataclass(frozen=True)
class Offered:
    """What a workspace's forms can choose from: (id as hex, name) each. `refusal` says why a number
    (E.164) may not be called, or "".
    """

    country: str
    refusal: Callable[[str], str]
    groups: Sequence[Choice]
    menus: Sequence[Choice]
    boxes: Sequence[Choice]
    sounds: Sequence[Choice]
    people: Sequence[Person]

    def places(self, *, this: bool = False) -> list[tuple[str, list[Choice]]]:
        """By kind, as a field of choices has them."""
        menus = [(f"menu:{key}", f"Menu {name}") for key, name in self.menus]
        return [
            ("", [("", "Choose…")]),
            ("Groups", [(f"group:{key}", f"Group {name}") for key, name in self.groups]),
            ("Menus", [*menus, *[(THIS, "This menu again")] * this]),
            ("Voicemail", [(f"voicemail:{key}", f"Voicemail {name}") for key, name in self.boxes]),
            ("Elsewhere", [("outside", "A phone number…"), ("later", "“Please call later”")]),
            (
                "Create first",
                [(f"{NEW}:{go}", f"New {name}…") for go, name in NAMES.items()],
            ),
        ]

    def person(self, key: str) -> Person | None:
        return next((each for each in self.people if each.id == key), None)


NAMES = {Go.GROUP: "group", Go.MENU: "menu", Go.VOICEMAIL: "voicemail box"}


class Day(forms.DateField):
    """One that a plan may name: no slip of the pen, which would be looked for day by day."""

    widget = forms.DateInput(format="%Y-%m-%d")

    def __init__(self, **options: Any) -> None:
        messages = dict.fromkeys(("required", "invalid"), "Enter a day like 2026-12-24.")
        super().__init__(input_formats=["%Y-%m-%d"], error_messages=messages, **options)

    def validate(self, value: Any) -> None:
        super().validate(value)
        latest = timezone.now().year + YEARS_AHEAD
        if value and not EARLIEST <= value.year <= latest:
            raise forms.ValidationError(f"Enter a day from {EARLIEST} to {latest}.")


class PlanForm(forms.Form):
    """`judges`: whether what is in `data` is to be judged, or only shown."""

    places: ClassVar[tuple[str, ...]] = ()
    says: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[dict[str, str]] = {}  # places that may be left, and what that means
    numbers: ClassVar[dict[str, tuple[int, int]]] = {}  # least, most

    def __init__(
        self, data: QueryDict, *, offered: Offered, judges: bool = True, this: bool = False
    ) -> None:
        super().__init__(data if judges else None, initial=data.dict())
        self.offered, self.given = offered, data
        self.targets: dict[str, Target | None] = {}
        for name in self.places:
            choices = offered.places(this=this)
            if name in self.optional:
                choices[0] = ("", [("", self.optional[name])])
            self.fields[name] = forms.ChoiceField(
                choices=[each for each in choices if each[1]],
                required=False,
                error_messages=_CHOOSE,
            )
            self.fields[f"{name}-number"] = forms.CharField(max_length=40, required=False)
        for name in self.says:
            self.fields[f"{name}_text"] = forms.CharField(max_length=LONGEST_TEXT, required=False)
            self.fields[f"{name}_sound"] = forms.ChoiceField(
                choices=[("", "Read this text out"), *offered.sounds, (NEW, "New sound…")],
                required=False,
                error_messages=_CHOOSE,
            )
        for name, (least, most) in self.numbers.items():
            told = f"Enter a number from {least} to {most}."
            messages = dict.fromkeys(("required", "invalid", "min_value", "max_value"), told)
            self.fields[name] = forms.IntegerField(
                min_value=least, max_value=most, error_messages=messages
            )

    def clean(self) -> dict[str, Any]:
        for name in self.places:
            self.targets[name] = self._target(name)
        return self.cleaned_data

    def _target(self, name: str) -> Target | None:
        chosen = self.cleaned_data.get(name, "")
        if chosen != "outside":
            return written.target(chosen)
        try:
            number = parse(
                self.cleaned_data.get(f"{name}-number", ""), self.offered.country, by_hand=True
            )
        except NumberError as error:
            self.add_error(f"{name}-number", error.message)
            return None
        if number.extension:
            self.add_error(f"{name}-number", "An extension can’t be dialed here. Leave it out.")
        if why := self.offered.refusal(number.number):
            self.add_error(f"{name}-number", why)
        return Target(Go.OUTSIDE, number.number)

    # --- what templates show ------------------------------------------------------------------

    @cached_property
    def put(self) -> dict[str, Any]:
        """Each place with its number."""
        return {
            name.replace("-", "_"): {"field": self[name], "number": self[f"{name}-number"]}
            for name in self.places
        }

    @cached_property
    def said(self) -> dict[str, Any]:
        """Each announcement's text and sound."""
        return {
            name: {"text": self[f"{name}_text"], "sound": self[f"{name}_sound"]}
            for name in self.says
        }

    # --- what is to be made first -------------------------------------------------------------

    def wanted(self) -> tuple[str, str] | None:
        """(field, what) of the first choice that is to be made before the form can be kept: a `Go`
        or `sound`.
        """
        for name in (*self.places, "box"):
            value = self.cleaned_data.get(name, "")
            if isinstance(value, str) and value.startswith(f"{NEW}:"):
                return name, value.partition(":")[2]
        for name in self.says:
            if self.cleaned_data.get(f"{name}_sound") == NEW:
                return f"{name}_sound", "sound"
        return None

    # --- two people, and what cannot be kept --------------------------------------------------

    def announcement(self, name: str) -> Announcement:
        sound = self.cleaned_data[f"{name}_sound"]
        return Announcement("" if sound else self.cleaned_data[f"{name}_text"], sound)

    def common_facts(self) -> dict[str, str | int | bool | None]:
        """Of places, announcements and numbers."""
        facts: dict[str, str | int | bool | None] = {
            name: written.place(self.targets[name]) for name in self.places
        }
        for name in self.says:
            facts |= facts_of_says(name, self.announcement(name))
        return facts | {name: str(self.cleaned_data[name]) for name in self.numbers}

    def ask(self, merge: merging.Merge, theirs: merging.Facts) -> None:
        """At each field that both changed."""
        for name in merge.clashes:
            there = theirs.get(name)
            message = merging.told(self.shown(name, "" if there is None else str(there)))
            self.add_error(name if name in self.fields else None, message)

    def shown(self, name: str, value: str) -> str:
        """A fact as people read it."""
        if value.startswith("outside:"):
            return display(value.partition(":")[2], self.offered.country)
        choices = getattr(self.fields.get(name), "choices", ())
        flat: dict[str, str] = {}
        for key, label in choices:
            flat |= dict(label) if isinstance(label, list | tuple) else {key: label}
        return flat.get(value, value)

    def refuse(self, problems: Sequence[Problem], elsewhere: Sequence[str]) -> None:
        """Say at the fields what would lose a caller."""
        for problem in problems:
            self.add_error(self.field_of(problem.field), problem.message)
        for sentence in elsewhere:
            self.add_error(None, sentence)

    def field_of(self, field: str) -> str | None:
        """The form's name of a field of `checking`."""
        for name in (field, f"{field}_text"):
            if name in self.fields:
                return name
        return None


def facts_of_says(name: str, says: Announcement) -> dict[str, str]:
    return {f"{name}_text": says.text, f"{name}_sound": says.sound}


def data_of(facts: merging.Facts) -> QueryDict:
    """As the form would send them."""
    data = merging.posted(facts)
    for name, value in facts.items():
        if isinstance(value, str) and value.startswith("outside:"):
            data[name], data[f"{name}-number"] = "outside", value.partition(":")[2]
    return data
