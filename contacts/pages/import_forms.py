"""What a person gives us of a file of contacts."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from contacts.imports.columns import Means
from contacts.imports.sources import refuse_at_sight
from contacts.imports.tables import BadFile
from contacts.models import ContactImport

LARGEST_FILE = 50 * 1024**2  # bytes


class ImportForm(forms.Form):
    """A file of contacts. What it is, its bytes say: a browser's word on it counts nothing."""

    file = forms.FileField(
        error_messages={"required": "Choose a file.", "empty": "This file is empty."}
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError("This file is larger than 50 MB. Split it into several.")
        try:
            refuse_at_sight(file.read(2**16))
        except BadFile as error:
            raise forms.ValidationError(str(error)) from None
        file.seek(0)
        return file


class ColumnsForm(forms.Form):
    """What each column of a file means: the field `meaning`, once per column, in their order."""

    is_headed = forms.BooleanField(required=False)
    sharing = forms.ChoiceField(
        choices=[("others", ""), ("same", "")],
        required=False,
        error_messages={"invalid_choice": "Reload the page."},
    )

    def __init__(self, data: QueryDict, *, file: ContactImport) -> None:
        super().__init__(data)
        self.file, self.meanings = file, data.getlist("meaning")

    def clean(self) -> dict[str, Any]:
        known = set(map(str, Means))
        if len(self.meanings) != len(self.file.names) or not known.issuperset(self.meanings):
            raise forms.ValidationError("This file has different columns. Reload the page.")
        return self.cleaned_data

    @property
    def is_same_person(self) -> bool:
        """Asked only where it makes a difference."""
        said = str(self.cleaned_data["sharing"])
        return said == "same" if said else self.file.same_number_is_same_person
