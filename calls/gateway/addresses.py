"""The absolute URLs that we give to Twilio. It signs exactly these, so they come from settings and
never from a request's Host header. The ids in them are ours and opaque.

Twilio is said to sort the parameters before it calls an address, and to sign the order that it was
given. Ours come in alphabetical order, so that it is the same.
"""

from typing import NamedTuple
from urllib.parse import unquote_plus, urlencode
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.templatetags.static import static as static_url
from django.urls import reverse

# Twilio's default is one more try, and only when no connection was made. All of our handlers can
# run twice, so they are tried again on any failure.
_RETRIES = "rc=5&rp=all&ct=2000&rt=3000"


def _address(view: str, **parameters: UUID | str) -> str:
    query = urlencode({name: v.hex if isinstance(v, UUID) else v for name, v in parameters.items()})
    path = f"{reverse(view)}?{query}" if query else reverse(view)
    return f"{in_our_order(settings.PUBLIC_BASE_URL + path)}#{_RETRIES}"


def in_our_order(url: str) -> str:
    """The same address with its parameters in the order of their names, each byte for byte as it
    is. Where a name is there twice the order has a meaning, and stays.
    """
    base, mark, query = url.partition("?")
    by_name: dict[str, str] = {}
    for parameter in query.split("&"):
        name = unquote_plus(parameter.partition("=")[0])
        if name in by_name:
            return url
        by_name[name] = parameter
    return base + mark + "&".join(by_name[name] for name in sorted(by_name))


def voice_requests(tenant_id: UUID | None = None) -> str:
    """Where Twilio asks what to do with a browser's call: the TwiML application's voice URL.

    An own account's application names its workspace, since only there its secrets are looked for;
    the shared account's is everybody's.
    """
    return _address("voice_webhook", **_named(tenant_id))


def agent_status(tenant_id: UUID | None = None) -> str:
    """Where it tells of agents' legs: the same application's one address."""
    return _address("call_status", **_named(tenant_id))


def _named(tenant_id: UUID | None) -> dict[str, UUID | str]:
    return {"tenant": tenant_id} if tenant_id else {}


def leg_status(tenant_id: UUID, leg_id: UUID) -> str:
    return _address("call_status", tenant=tenant_id, leg=leg_id)


def conference_status(tenant_id: UUID, conference_id: UUID) -> str:
    return _address("call_status", tenant=tenant_id, room=conference_id)


def leg_ended(tenant_id: UUID, leg_id: UUID) -> str:
    """Where Twilio asks what to do with an agent's leg that has left its room."""
    return _address("voice_webhook", step="leg-ended", tenant=tenant_id, leg=leg_id)


def caller_step(tenant_id: UUID, call_id: UUID, step: str, **more: str) -> str:
    """Where Twilio asks what to do next with a call that came in; `more` comes along."""
    return _address("voice_webhook", call=call_id, step=step, tenant=tenant_id, **more)


def phone_step(tenant_id: UUID, ring_id: UUID, step: str) -> str:
    """Where Twilio asks what to do next with a call to an agent's own telephone."""
    return _address("voice_webhook", ring=ring_id, step=step, tenant=tenant_id)


def phone_status(tenant_id: UUID, ring_id: UUID) -> str:
    """Where it tells of such a call."""
    return _address("call_status", ring=ring_id, tenant=tenant_id)


def hold_music(tenant_id: UUID) -> str:
    """What a contact hears while nobody is there."""
    return _address("hold_music", tenant=tenant_id)


def recording_status(tenant_id: UUID, call_id: UUID) -> str:
    return _address("recording_status", tenant=tenant_id, call=call_id)


# --- a number that takes calls -----------------------------------------------------------------


class OfNumber(NamedTuple):
    """The addresses of a number that leads to a workspace; all are asked by POST."""

    called: str
    fallback: str
    status: str


def of_number(tenant_id: UUID) -> OfNumber:
    return OfNumber(number_called(tenant_id), number_fallback(tenant_id), number_status(tenant_id))


def number_called(tenant_id: UUID) -> str:
    """Where Twilio asks what to do with a caller."""
    return _address("voice_webhook", step="called", tenant=tenant_id)


def number_fallback(tenant_id: UUID) -> str:
    """Where it asks when that has given no answer: what is said there needs no database."""
    return _address("voice_fallback", tenant=tenant_id)


def number_status(tenant_id: UUID) -> str:
    """Where it tells how a caller's call has ended."""
    return _address("call_status", tenant=tenant_id)


def outside_status(tenant_id: UUID, call_id: UUID) -> str:
    """Where it tells how an outside number fares that a caller was led to."""
    return _address("call_status", call=call_id, tenant=tenant_id)


def message_kept(tenant_id: UUID) -> str:
    """Where it asks what to do after a message for whose call there may be no rows."""
    return _address("voice_webhook", step="kept", tenant=tenant_id)


def message_status(tenant_id: UUID) -> str:
    """Where it tells of such a message."""
    return _address("recording_status", tenant=tenant_id)


def static(path: str) -> str:
    """A file of ours that is there for everybody."""
    return settings.PUBLIC_BASE_URL + static_url(path)


# --- what callers hear -------------------------------------------------------------------------


def sound(tenant_id: UUID, sound_id: UUID) -> str:
    """Where Twilio fetches what callers hear. It comes without a session or a signature of its own,
    so that the address itself is signed.
    """
    token = _sounds().sign(f"{tenant_id.hex}{sound_id.hex}")
    return settings.PUBLIC_BASE_URL + reverse("sound", args=[token])


def sound_of(token: str) -> tuple[UUID, UUID] | None:
    """The workspace and the sound that an address of `sound` names; None: it is none of ours."""
    try:
        said = _sounds().unsign(token)
    except BadSignature:
        return None
    return UUID(said[:32]), UUID(said[32:])


def _sounds() -> Signer:
    return Signer(salt="calls.sound", sep=".")
