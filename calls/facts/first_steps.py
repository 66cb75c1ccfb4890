"""What a newcomer does before all is set up: the steps, and which of them are done. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    NUMBER = "number"
    CONTACTS = "contacts"
    COLLEAGUE = "colleague"
    MICROPHONE = "microphone"
    CALL = "call"


@dataclass(frozen=True)
class Found:
    """What there is in a workspace: a number that it can call from, any contact, another member
    (invited is enough), a call that somebody made, and one of the newcomer's own.
    """

    number: bool
    contacts: bool
    colleague: bool
    call: bool
    own_call: bool


def first_steps(found: Found, *, is_admin: bool) -> dict[Step, bool]:
    """Each step that concerns the person, in order, and whether it is done; nothing is left to be
    shown (an empty dict) once all are. Only the browser knows of the microphone, and may tick that;
    here it is done when the person has called, and nobody waits for it alone.
    """
    microphone = {Step.MICROPHONE: found.own_call}
    if is_admin:
        others = {
            Step.NUMBER: found.number,
            Step.CONTACTS: found.contacts,
            Step.COLLEAGUE: found.colleague,
        }
        call = {Step.CALL: found.call}
    else:  # who can do nothing about a missing number but ask
        others = {} if found.number or found.own_call else {Step.NUMBER: False}
        call = {Step.CALL: found.own_call}
    if all(others.values()) and all(call.values()):
        return {}
    return others | microphone | call
