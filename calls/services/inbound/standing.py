"""Where a caller is: the rows of their call, locked, and what may be written of their way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calls.facts.inbound import spoken, written
from calls.facts.inbound.plans import Go, Target
from calls.models import Caller, CallEvent, CallLeg, CallLog, Conference, Line, PhoneNumber
from calls.services.inbound import events, leading


@dataclass
class Standing:
    """A caller of the current tenant, with their room (both locked), their leg, and the line that
    they have called; None when it is gone.
    """

    caller: Caller
    call: CallLog
    room: Conference
    leg: CallLeg
    line: Line | None
    now: datetime

    @property
    def tenant_id(self) -> UUID:
        return self.call.tenant_id

    @property
    def language(self) -> str:
        return self.line.language if self.line else spoken.DEFAULT

    def number(self) -> PhoneNumber | None:
        """That which they have called, unless it is gone."""
        ours = PhoneNumber.objects.filter(account_sid=self.room.account_sid)
        return ours.filter(number=self.call.to_number).first()

    def waits_in(self) -> Target | None:
        """The group in which they wait; None: they are elsewhere, or go on now."""
        target = written.target(self.caller.place)
        is_group = target is not None and target.go == Go.GROUP
        return target if is_group and self.caller.left_at is None else None

    def is_overdue(self) -> bool:
        """Whether nobody has sent them to where their group has led them on."""
        led_on_at = self.caller.led_on_at
        return led_on_at is not None and self.now - led_on_at >= leading.LATE

    def note(self, name: str, *, once: bool = False, **payload: str) -> bool:
        """Store a step of their way, and fold; `once`: unless it is stored with this payload.
        Whether it is new.
        """
        if once and self._has_noted(name, payload):
            return False
        events.note(self.caller, name, now=self.now, **payload)
        return True

    def _has_noted(self, name: str, payload: Mapping[str, str]) -> bool:
        said = {f"payload__{key}": value for key, value in payload.items()}
        return bool(CallEvent.objects.filter(leg=self.leg, name=name, **said).exists())

    def write(self, **changes: object) -> None:
        """Change the caller's row."""
        for name, value in changes.items():
            setattr(self.caller, name, value)
        self.caller.save(update_fields=list(changes))


def find(call_id: UUID, account_sid: str, call_sid: str, *, now: datetime) -> Standing | None:
    """The caller of this call, of whom its own account speaks. None: there is none such here."""
    at = known(call_id, now=now)
    theirs = (at.room.account_sid, at.call.twilio_call_sid) if at else None
    return at if theirs == (account_sid, call_sid) else None


def known(call_id: UUID, *, now: datetime) -> Standing | None:
    """The caller of a call. Their row is locked before the room's, as by all who lock both."""
    caller = (
        Caller.objects.select_for_update(of=("self",), no_key=True)
        .select_related("call")
        .filter(call=call_id)
        .first()
    )
    if caller is None:
        return None
    room = Conference.objects.select_for_update(no_key=True).get(call=call_id)
    leg = room.legs.get(party=CallLeg.Party.CONTACT)
    line = Line.objects.filter(
        number__number=caller.call.to_number, number__account_sid=room.account_sid
    ).first()
    return Standing(caller, caller.call, room, leg, line, now)
