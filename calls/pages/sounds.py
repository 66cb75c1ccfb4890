"""Sounds for Twilio, which plays them to callers."""

from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from calls.gateway import addresses
from calls.models import Sound
from calls.pages.audio import Audio, sent
from tenants.bricks.http import TenantRequest
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions

# Under an address there is always the same sound; who keeps it asks again after a day.
KEPT_A_DAY = "public, max-age=86400"


@require_GET
@short_transactions
def heard_by_caller(request: TenantRequest, token: str) -> HttpResponseBase:
    """What Twilio plays. It brings no session: the address is signed (`addresses.sound`)."""
    named = addresses.sound_of(token)
    # A person of another workspace may ask, too; to them there is none.
    is_here = named and (request.tenant is None or request.tenant.pk == named[0])
    found = _audio(*named) if named and is_here else None
    if found is None:
        raise Http404
    return sent(request, found, caching=KEPT_A_DAY)


def _audio(tenant_id: UUID, sound_id: UUID) -> Audio | None:
    with tenant_transaction(tenant_id):
        sound = Sound.objects.filter(pk=sound_id).first()
    return sound and Audio(sound.path, sound.content_type, sound.size, sound.duration or 0)
