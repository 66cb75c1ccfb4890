"""Where a caller is: the rows of their call, locked, and what may be written of their way."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calls.facts.inbound import spoken
from calls.gateway.accounts import TwilioAccount
from calls.models import Caller, CallEvent, CallLeg, CallLog, Conference, Line, PhoneNumber
from calls.services.callbacks.reading import Form
from calls.services.inbound import events


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

    def note(self, name: str, *, once: bool = False, **payload: str) -> None:
        """Store a step of their way, and fold; `once`: unless it is stored with this payload."""
        if once and CallEvent.objects.filter(
            leg=self.leg, name=name, **{f"payload__{key}": value for key, value in payload.items()}
        ):
            return
        events.note(self.caller, name, now=self.now, **payload)

    def go(self, place: str, **changes: object) -> None:
        """They are somewhere else now."""
        changes = {"place": place, **changes}
        for name, value in changes.items():
            setattr(self.caller, name, value)
        self.caller.save(update_fields=list(changes))


def find(call_id: UUID, account: TwilioAccount, form: Form, *, now: datetime) -> Standing | None:
    """The caller of this call, whom the account speaks of. None: there is none such here. Their row
    is locked before the room's, as by all who lock both.
    """
    caller = (
        Caller.objects.select_for_update(of=("self",), no_key=True)
        .select_related("call")
        .filter(
            call=call_id,
            call__twilio_call_sid=form.get("CallSid", ""),
            call__conference__account_sid=account.sid,
        )
        .first()
    )
    if caller is None:
        return None
    room = Conference.objects.select_for_update(no_key=True).get(call=call_id)
    leg = room.legs.get(party=CallLeg.Party.CONTACT)
    line = Line.objects.filter(
        number__number=caller.call.to_number, number__account_sid=account.sid
    ).first()
    return Standing(caller, caller.call, room, leg, line, now)
