"""A call's note: written on the call's page and in the panel, and kept as it is typed."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from calls.facts.notes import LONGEST, tidy
from calls.selectors.notes import Note, note_of
from calls.services import notes
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest, see_other


class NotesForm(forms.Form):
    """`seen`: which text the writer has read, "" for none yet."""

    notes = forms.CharField(required=False, strip=False)
    seen = forms.DateTimeField(required=False)

    def clean_notes(self) -> str:
        text = tidy(self.cleaned_data["notes"])
        if len(text) > LONGEST:
            raise forms.ValidationError(
                f"Not saved: a note can have {LONGEST:,} characters; this one has {len(text):,}."
            )
        return text


@require_POST
@login_required
@member_required
def note(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Write it. Answers with what the form says below its text, and which text that is."""
    form, now = NotesForm(request.POST), timezone.now()
    zone = ZoneInfo(request.tenant.time_zone)
    typed = Note(call_id, request.POST.get("notes", ""), request.POST.get("seen", ""))
    if not form.is_valid():
        error = " ".join(map(str, form["notes"].errors)) or "Not saved. Reload the page."
        return _answer(request, {"note": typed, "error": error}, status=422)
    text, seen = form.cleaned_data["notes"], form.cleaned_data["seen"]
    try:
        call = notes.write(call_id, text, seen=seen, by=request.member, now=now)
    except LookupError:
        raise Http404 from None
    except notes.WrittenMeanwhile as other:
        said = {"note": typed, "theirs": note_of(other.call, zone, now)}
        return _answer(request, said, status=409)
    return _answer(request, {"note": note_of(call, zone, now), "is_saved": True})


def _answer(request: TenantRequest, said: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """What was typed is on its page still, or without scripts on the one that is shown."""
    if request.htmx:
        return render(request, "_note_state.html", said, status=status)
    if status == 200:
        return see_other(request, reverse("call", args=[said["note"].call_id]), "Note saved.")
    return render(request, "note.html", said, status=status)
