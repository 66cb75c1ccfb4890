"""What the tests of calls share: webhooks signed as Twilio signs them, and a room on its way."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from twilio.request_validator import RequestValidator

from calls.facts import states
from calls.models import CallLeg, CallLog, Conference
from calls.services.rooms import presence, progress
from calls.tests.builders import an_outbound_call
from calls.tests.shop import committed_shop, shop, shop_box  # noqa: F401  # fixtures
from tenants.fence.context import tenant_transaction


def sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


@pytest.fixture
def webhook(client: Any) -> Callable[..., Any]:
    """`webhook(path, **fields)`: POST the fields to our path as Twilio does, signed."""

    def send(path: str, *, token: str = "", signature: str | None = None, **fields: str) -> Any:
        form = {"AccountSid": settings.TWILIO_ACCOUNT_SID, "ApiVersion": "2010-04-01", **fields}
        url = settings.PUBLIC_BASE_URL + path
        if signature is None:
            validator = RequestValidator(token or settings.TWILIO_AUTH_TOKEN)
            signature = validator.compute_signature(url, form)
        from urllib.parse import urlencode

        return client.post(
            path,
            urlencode(form),
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature},
        )

    return send


@dataclass
class Scene:
    """A room in which an agent waits or talks, made through the services."""

    member: Any
    room: Conference
    agent_leg: CallLeg
    request_id: uuid.UUID
    call: CallLog | None = None
    contact_leg: CallLeg | None = None
    sequence: int = 0
    closing: list[Any] = field(default_factory=list)

    def hear(self, kind: str, name: str, leg: CallLeg | None = None, **more: Any) -> None:
        """One event of this room, with the next sequence number."""
        from django.utils import timezone

        self.sequence += 1
        heard = progress.Heard(
            kind=kind,
            name=name,
            at=more.pop("at", None) or timezone.now(),
            payload={"n": str(self.sequence), "room": self.room.pk.hex},
            sequence=self.sequence,
            call_sid=(leg.call_sid or "") if leg else "",
            **more,
        )
        leg_id = leg.pk if leg else None
        closing = progress.hear(self.room.tenant_id, heard, room_id=self.room.pk, leg_id=leg_id)
        self.closing.append(closing)

    def fresh(self) -> CallLog:
        with tenant_transaction(self.room.tenant_id):
            return CallLog.objects.get(conference=self.room)


def admitted(
    member: Any, account: Any, client_request_id: uuid.UUID | None = None, call_sid: str = ""
) -> tuple[Conference, CallLeg]:
    """The room into which the member's browser has come, and its leg; nothing is heard of it."""
    room, leg, _ = presence.admit_agent(
        member,
        account=account,
        client_request_id=client_request_id or uuid.uuid4(),
        call_sid=call_sid or sid("CA"),
    )
    with tenant_transaction(member.tenant_id):
        return room, CallLeg.objects.get(pk=leg.id)


def scene_of(member: Any) -> Scene:
    """The member's browser has connected and joined its room; nobody is dialled yet."""
    from calls.gateway.accounts import account_of

    request_id = uuid.uuid4()
    room, leg = admitted(member, account_of(member.tenant_id), request_id)
    scene = Scene(member, room, leg, request_id)
    scene.hear(states.CALL, "ringing", leg)
    scene.hear(states.CONFERENCE, "participant-join", leg)
    with tenant_transaction(member.tenant_id):
        room.refresh_from_db()
    return scene


@pytest.fixture
def waiting(cast: Any) -> Scene:
    """Bob waits in his room."""
    return scene_of(cast.bob)


@pytest.fixture
def dialled(waiting: Scene, cast: Any) -> Scene:
    """The contact's leg exists, its SID is known, nothing was heard of it yet."""
    return dial(waiting, cast)


def dial(waiting: Scene, cast: Any) -> Scene:
    with tenant_transaction(cast.acme.pk):
        waiting.call = an_outbound_call(
            cast.acme,
            user=cast.bob.user,
            contact=cast.acme_maria,
            conference=waiting.room,
            is_recorded=True,
        )
        waiting.contact_leg = CallLeg.objects.create(conference=waiting.room, party="contact")
        progress.bind_sid(waiting.contact_leg, sid("CA"))
        waiting.call.refresh_from_db()
    return waiting


@pytest.fixture
def line(cast: Any) -> Any:
    """Maria has called Acme, and waits (`waiting_callers.Line`)."""
    from calls.tests.waiting_callers import a_line

    return a_line(cast.acme)
