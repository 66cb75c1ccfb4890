"""What a person fills in about a contact."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from django import forms
from django.http import QueryDict

from contacts.models import Contact
from contacts.numbers import MOST_NUMBERS, NumberError, display, parse
from tenants.bricks import merging

_LOOK = "Some numbers need your attention."
Owners = Sequence[tuple[str, str]]  # (id of a member's person, name); the first is no one


class NumberForm(forms.Form):
    """One row: a number in any usual form, and what it is for. An empty number is no row."""

    # Longer than E.164: people type spaces, brackets and dashes.
    number = forms.CharField(max_length=40, required=False)
    label = forms.CharField(max_length=40, required=False)

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.country = country

    def clean_number(self) -> str:
        typed = str(self.cleaned_data["number"])
        if not typed:
            return ""
        try:
            return str(parse(typed, self.country, by_hand=True))
        except NumberError as error:
            raise forms.ValidationError(error.message, code=error.code) from None


class ContactForm(forms.Form):
    """A contact with its numbers: the fields `number` and `label`, repeated once per row."""

    name = forms.CharField(max_length=200, error_messages={"required": "Enter a name."})
    company = forms.CharField(max_length=200, required=False)
    email = forms.EmailField(
        required=False,
        error_messages={"invalid": "Enter an address like maria@example.com, or leave it empty."},
    )
    owner = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "Choose an active member."}
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        country: str,
        owners: Owners = (),
        contact: Contact | None = None,
        number: str = "",
        change: str = "",
    ) -> None:
        """`number` is one to begin with. `change` (`add`, `remove-2`, `up-2`) rearranges the rows
        of `data` and judges nothing.
        """
        self.country = country
        initial: dict[str, str] = {}
        rows: list[tuple[str, str]] = []
        if data is not None:
            pairs = zip_longest(data.getlist("number"), data.getlist("label"), fillvalue="")
            rows = list(pairs)[:MOST_NUMBERS]
        elif contact is not None:
            initial = _fields_of(contact)
            rows = [(display(row.full, country), row.label) for row in contact.numbers.all()]
        elif number:
            rows = [(display(number, country)[:40], "")]
        if data is not None and change:
            initial = {name: data.get(name, "") for name in self.base_fields}
            data, rows = None, _rearranged(rows, change)
        super().__init__(data, initial=initial)
        owner: Any = self.fields["owner"]
        owner.choices = owners
        self.rows = [
            self._row(index, {"number": number, "label": label})
            for index, (number, label) in enumerate(rows or [("", "")])
        ]

    def _row(self, index: int, values: dict[str, str]) -> NumberForm:
        given = {"data": values} if self.is_bound else {"initial": values}
        return NumberForm(country=self.country, auto_id=f"row{index}_%s", **given)

    @property
    def can_add(self) -> bool:
        return len(self.rows) < MOST_NUMBERS

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """(a `Number` as text, label) of each row that has one; to be asked of a valid form."""
        cleaned = [row.cleaned_data for row in self.rows]
        return [(row["number"], row["label"]) for row in cleaned if row["number"]]

    def clean(self) -> dict[str, Any]:
        seen: set[str] = set()
        wrong = False
        for row in self.rows:
            if row.is_valid() and (number := row.cleaned_data["number"]):
                if number in seen:
                    row.add_error("number", "This number is listed twice. Remove one of the two.")
                seen.add(number)
            wrong |= bool(row.errors)
        if wrong:
            raise forms.ValidationError(_LOOK)
        return self.cleaned_data

    def facts(self) -> merging.Facts:
        """Of a valid form, as `facts_of`."""
        return {name: self.cleaned_data[name] for name in self.base_fields} | dict(self.numbers)

    @classmethod
    def asking(
        cls,
        merge: merging.Merge,
        theirs: merging.Facts,
        replaced: Sequence[str],
        *,
        country: str,
        owners: Owners = (),
    ) -> "ContactForm":
        """The form with all that it can save, and the questions that are left; `replaced` is what
        `replaced_twice` says.
        """
        data = QueryDict(mutable=True)
        for name, value in merge.values.items():
            if name in cls.base_fields:
                data[name] = str(value)
            elif value is not None:
                data.appendlist("number", display(name, country))
                data.appendlist("label", str(value))
        form = cls(data, country=country, owners=owners)
        form.full_clean()
        rows = {row.cleaned_data.get("number"): row for row in form.rows if row.is_valid()}
        for name in replaced:
            said = "Someone put this in place of the number that you replaced. Keep or remove it."
            rows[name].add_error("number", said)
        needs_look = bool(replaced)
        for name in merge.clashes:
            there, row = theirs.get(name), rows.get(name)
            if name in cls.base_fields:
                said = dict(owners).get(str(there), "") if there and name == "owner" else str(there)
                form.add_error(name, merging.told(said))
                continue
            if row is None:
                form.add_error(
                    None,
                    f"Someone changed the label of {display(name, country)} to “{there}” in the "
                    "meantime. Save again to remove this number.",
                )
                continue
            needs_look = True
            if there is None:
                gone = "Someone removed this number in the meantime. Save again to keep it."
                row.add_error("number", gone)
            else:
                row.add_error("label", merging.told(str(there)))
        if needs_look:
            form.add_error(None, _LOOK)
        return form


def facts_of(contact: Contact) -> merging.Facts:
    """The fields, then its numbers in their order: each (a `Number` as text) with its label."""
    return _fields_of(contact) | {row.full: row.label for row in contact.numbers.all()}


def _fields_of(contact: Contact) -> dict[str, str]:
    texts = {"name": contact.name, "company": contact.company, "email": contact.email}
    return texts | {"owner": str(contact.owner_id or "")}


def replaced_twice(
    made_of: merging.Facts, theirs: merging.Facts, ours: merging.Facts
) -> Sequence[str]:
    """The numbers that somebody else put in the place of one that we replaced, too."""
    fields = ContactForm.base_fields
    gone = made_of.keys() - theirs.keys() - ours.keys() - fields.keys()
    by_us = ours.keys() - made_of.keys() - theirs.keys()
    by_them = [name for name in theirs if name not in made_of and name not in ours]
    return by_them if gone and by_us else []


def _rearranged(rows: list[tuple[str, str]], change: str) -> list[tuple[str, str]]:
    verb, _, digits = change.partition("-")
    index = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else -1
    if verb == "add" and len(rows) < MOST_NUMBERS:
        return [*rows, ("", "")]
    if verb == "remove" and 0 <= index < len(rows):
        return rows[:index] + rows[index + 1 :]
    if verb == "up" and 0 < index < len(rows):
        return [*rows[: index - 1], rows[index], rows[index - 1], *rows[index + 1 :]]
    return rows
