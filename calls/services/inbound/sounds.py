"""Sounds of a workspace: kept by the store of recordings, removed when nothing plays them."""

import os
from uuid import UUID, uuid4

from django.conf import settings

from calls.facts import sounds
from calls.gateway import stores
from calls.models import Sound
from calls.selectors.plans import uses_of_sound
from calls.services.inbound.saving import InUse, listed, lock
from tenants.fence.context import tenant_transaction
from tenants.trail import audit
from tenants.trail.audit import Action

LONGEST_NAME = 80


class NameTaken(Exception):
    """Another sound of the workspace has it."""


def add(tenant_id: UUID, *, name: str, data: bytes) -> Sound:
    """Keep a file. It may ask the store over the network, so that it must run outside any
    transaction.

    Raises `facts.sounds.BadSound`, `NameTaken`, `StoreAway` or `OSError`.
    """
    facts = sounds.read(data)
    with tenant_transaction(tenant_id):
        _free(name)
    sound_id = uuid4()
    path = f"{tenant_id.hex}/sounds/{sound_id.hex}.{facts.ending}"
    _keep(path, data)
    try:
        with tenant_transaction(tenant_id):
            lock(tenant_id)
            _free(name)
            sound: Sound = Sound.objects.create(
                pk=sound_id,
                name=name,
                path=path,
                content_type=facts.content_type,
                size=len(data),
                duration=facts.seconds,
            )
            audit.record(Action.SOUND_ADDED, on=sound)
    except NameTaken:
        stores.recordings().remove(path)
        raise
    return sound


def rename(sound: Sound, name: str) -> None:
    """Within the transaction of a request, after `lock`. Raises `NameTaken`."""
    if name == sound.name:
        return
    _free(name)
    before, sound.name = sound.name, name
    sound.save(update_fields=["name"])
    audit.record(Action.SOUND_RENAMED, on=sound, name_text=[before, name])


def remove(sound: Sound) -> None:
    """Likewise. Its file goes once that is committed (`calls.apps`). Raises `InUse`."""
    if used := uses_of_sound(sound.pk.hex):
        raise InUse(f"{sound} is played by {listed(used)}. Change that first.")
    audit.record(Action.SOUND_REMOVED, on=sound)
    sound.delete()


def _free(name: str) -> None:
    if Sound.objects.filter(name=name).exists():
        raise NameTaken(name)


def _keep(path: str, data: bytes) -> None:
    final = settings.RECORDINGS_DIR / path
    # The group may be the proxy's, which sends the file (docs/operating.md, “Recordings”).
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    draft = final.with_suffix(".partial")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        stores.recordings().keep(path, draft)
    finally:
        draft.unlink(missing_ok=True)
