"""Sounds of a workspace's lines: uploaded or recorded, listened to, named, removed."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.facts.sounds import LONGEST, MOST_BYTES, BadSound
from calls.models import Sound
from calls.pages import audio
from calls.pages.lines import drafts
from calls.selectors.plans import uses_of_sound
from calls.services.inbound import saving, sounds
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions

_TAKEN = "Another sound has this name. Choose a different one."


class SoundForm(forms.Form):
    name = forms.CharField(
        max_length=sounds.LONGEST_NAME, error_messages={"required": "Enter a name."}
    )
    file = forms.FileField(
        error_messages={
            "required": "Choose a file, or record one.",
            "empty": "This file is empty. Choose another one.",
            "missing": "Choose a file, or record one.",
        }
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MOST_BYTES // 2**20} MB. Save it as MP3."
            )
        return file


class NameForm(forms.Form):
    name = SoundForm.base_fields["name"]


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def sound_new(request: TenantRequest) -> HttpResponseBase:
    """Upload or record a sound."""
    waiting = drafts.read(request.POST)
    if request.method == "GET":
        return show_new(request)
    if request.POST.get("change") == "leave" and waiting:
        return drafts.go_on(request, waiting, "") or see_other(request, reverse("lines"))
    form = SoundForm(request.POST, request.FILES)
    if not form.is_valid():
        return show_new(request, form)
    try:
        made = sounds.add(
            request.tenant.pk,
            name=form.cleaned_data["name"],
            data=form.cleaned_data["file"].read(),
        )
    except BadSound as error:
        form.add_error("file", str(error))
    except sounds.NameTaken:
        form.add_error("name", _TAKEN)
    except OSError:  # `StoreAway` is one
        form.add_error("file", audio.AWAY)
    else:
        answer = drafts.go_on(request, waiting, made.pk.hex) if waiting else None
        return answer or see_other(request, reverse("lines"), f"{made.name} is saved.")
    return show_new(request, form)


def show_new(request: TenantRequest, form: SoundForm | None = None) -> HttpResponse:
    waiting = drafts.read(request.POST)
    context = {
        "form": form or SoundForm(),
        "drafts": drafts.written(waiting),
        "waiting": waiting[-1] if waiting else None,
        "action": reverse("sound_new"),
        "back": {"back": reverse("lines")},
        "minutes": LONGEST // 60,
        "megabytes": MOST_BYTES // 2**20,
    }
    return render(request, "sound_form.html", context, status=422 if form else 200)


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def sound_page(request: TenantRequest, sound_id: UUID) -> HttpResponse:
    """Listen to a sound, or give it another name."""
    is_sent = request.method == "POST"
    if is_sent:
        saving.lock(request.tenant.pk)
    sound = _sound(sound_id)
    form = NameForm(request.POST if is_sent else None, initial={"name": sound.name})
    if form.is_bound and form.is_valid():
        was = request.POST.get("was", sound.name)
        if sound.name not in (was, form.cleaned_data["name"]):
            form.add_error("name", f"Someone named it “{sound.name}” in the meantime.")
        else:
            try:
                sounds.rename(sound, form.cleaned_data["name"])
            except sounds.NameTaken:
                form.add_error("name", _TAKEN)
            else:
                return see_other(request, reverse("lines"), f"{sound.name} is saved.")
    return _shown(request, sound, form)


@require_GET
@login_required
@admin_required
@short_transactions
def sound_audio(request: TenantRequest, sound_id: UUID) -> HttpResponseBase:
    """What is heard of it, for the pages of its own workspace."""
    with tenant_transaction():
        sound = _sound(sound_id)
    found = audio.Audio(sound.path, sound.content_type, sound.size, sound.duration or 0)
    return audio.sent(request, found, caching="private, no-store")


@require_POST
@login_required
@admin_required
def sound_remove(request: TenantRequest, sound_id: UUID) -> HttpResponse:
    saving.lock(request.tenant.pk)
    sound = _sound(sound_id)
    try:
        sounds.remove(sound)
    except saving.InUse as error:
        return _shown(request, sound, NameForm(initial={"name": sound.name}), str(error))
    return see_other(request, reverse("lines"), f"{sound.name} is removed.")


def _shown(request: TenantRequest, sound: Sound, form: NameForm, wrong: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "sound": sound,
        "form": form,
        "used": uses_of_sound(sound.pk.hex),
        "wrong": wrong,
    }
    return render(request, "sound_page.html", context, status=422 if wrong or form.errors else 200)


def _sound(sound_id: UUID) -> Sound:
    found = Sound.objects.filter(pk=sound_id).first()
    if found is None:
        raise Http404
    return found
