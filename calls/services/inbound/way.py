"""A caller's way through the plan of their line: what Twilio asks, step by step, and is told.

Each function is asked within a transaction of the workspace, for a caller who is locked
(`standing`), and returns the document. All may be asked twice. Groups that they come into or leave
are to be tended afterwards (`tasks.tend_groups`).
"""

from calls.facts.inbound import missed, plans, written
from calls.facts.inbound.plans import KEYS, LATER, Go, Target
from calls.facts.inbound.queues import Wish
from calls.facts.inbound.spoken import Phrase
from calls.gateway import twiml
from calls.selectors.plans import only
from calls.services.inbound import arriving, documents, groups, outside
from calls.services.inbound.plans import ensure_line
from calls.services.inbound.standing import Standing

NO_PLAN = Target(Go.VOICEMAIL, "none")  # of a number that is gone meanwhile: a message at least
_HURRIED = 2  # seconds in a queue: who came out of it so soon is not sent there again


def onward(at: Standing) -> str:
    """By where the caller is: what now."""
    if at.call.ended_at is not None:
        return twiml.hang_up()
    if at.caller.led_on_at is not None:
        at.write(led_on_at=None)
    if at.caller.place:
        return _come(at, written.target(at.caller.place) or LATER)
    if at.caller.wish == Wish.CALLBACK:
        return documents.goodbye(at, Phrase.CALLBACK)
    return _lead(at, _first_target(at), moves=0)


def _first_target(at: Standing) -> Target:
    """Where the plan begins for a call of that moment."""
    if at.line is None and (number := at.number()):
        at.line = ensure_line(number)
    if at.line is None:
        return NO_PLAN
    is_open = arriving.is_open(at.line, at.call.started_at)
    return written.target(at.line.when_open if is_open else at.line.when_closed) or LATER


def _lead(at: Standing, wanted: Target, *, moves: int) -> str:
    """Lead a caller to a target, or to the end where there is none such."""
    target = plans.onward(only(wanted), wanted, moves) if wanted != NO_PLAN else NO_PLAN
    at.write(place=written.place(target), moves=moves)
    return _come(at, target)


def _come(at: Standing, target: Target) -> str:
    """They are there: what that means, once, and what they hear."""
    if target.go == Go.GROUP:
        if at.caller.entered_at is None or at.caller.left_at is not None:
            groups.enter(at.caller, documents.group_id(target), now=at.now)
    elif target.go == Go.MENU:
        if at.note(missed.GREETED, once=True, move=str(at.caller.moves)):
            at.write(tries=1)
    elif target.go == Go.VOICEMAIL:  # an end, as all that follow: nobody comes to it twice
        at.note(missed.TO_VOICEMAIL, once=True)
    elif target.go == Go.OUTSIDE:
        if not outside.may_be_called(at, target.to):
            at.note(missed.NOBODY_ANSWERED)
            return _lead(at, LATER, moves=at.caller.moves)
        at.note(missed.TO_OUTSIDE, once=True)
    else:
        at.note(missed.TO_LATER, once=True)
    return documents.of(at, target)


def key(at: Standing, pressed: str, menu: str) -> str:
    """A key of this menu was pressed, or none ("") in time."""
    place = Target(Go.MENU, menu)
    block = only(place).block(place)
    if at.caller.place != written.place(place) or not isinstance(block, plans.Menu):
        return onward(at)
    target = plans.pressed(block, pressed if pressed in KEYS else "", at.caller.tries)
    if target is None:
        at.write(tries=at.caller.tries + 1)
        return documents.of(at, place)
    return _lead(at, target, moves=at.caller.moves + 1)


def waiting(at: Standing, *, turn: int) -> str:
    """The next piece of what is heard in a queue; out of it for who belongs somewhere else."""
    target = at.waits_in()
    if target is not None:
        return documents.waiting(at, target, turn=turn)
    if at.caller.led_on_at is not None and not at.is_overdue():
        return documents.a_moment(at, turn=turn)  # whoever leads them on is about to
    return twiml.leave_queue()


def wish(at: Standing, pressed: str, *, turn: int) -> str:
    """A key was pressed while waiting. Who waits for an agent who has answered stays."""
    target = at.waits_in()
    if target is not None and not at.caller.claimed_at:
        keys = documents.wishes(at, only(target).block(target))
        if wanted := keys.get(pressed):
            at.write(wish=wanted.value)
    return waiting(at, turn=turn)


def out_of_queue(at: Standing, result: str, *, seconds: int) -> str:
    """The caller is no more in the queue, after so long, for whatever reason (Twilio's
    `QueueResult`).
    """
    target = at.waits_in()
    if result == "hangup":
        groups.leave(at.caller, now=at.now)
        return twiml.hang_up()
    if result == "bridged" or result.startswith("redirected"):
        return twiml.hang_up()  # is not heard: what has moved them says where to
    if result == "leave" or target is None:
        return onward(at)
    if at.caller.claimed_at or seconds >= _HURRIED:
        return documents.of(at, target)  # their place in it is a row: they come back to the same
    group = only(target).block(target)
    groups.leave(at.caller, now=at.now)
    is_full = result == "queue-full"
    at.note(missed.TOO_MANY_WAITING if is_full else missed.NOBODY_ANSWERED)
    led = None
    if isinstance(group, plans.Group):
        led = (group.overflow.full if is_full else None) or group.overflow.unanswered
    return _lead(at, led or LATER, moves=at.caller.moves + 1)


def bridge(at: Standing) -> str:
    """Into the room, where the agent is who has answered; back while nobody has."""
    if at.call.ended_at is not None:
        return twiml.hang_up()
    if at.caller.claimed_at is None or at.room.agent_id is None:
        return onward(at)
    return documents.bridge(at)


def message(at: Standing, recording: str, seconds: int) -> str:
    """A message of so many seconds was left, if it has any; `recording` is its SID."""
    if recording and seconds > 0:
        at.note(missed.MESSAGE_LEFT, once=True, recording=recording)
        return documents.goodbye(at, Phrase.THANKS)
    return documents.goodbye(at, Phrase.NO_MESSAGE)


def after_outside(at: Standing, status: str, call_sid: str) -> str:
    """The outside number has not answered, or the talk with it is over: how its call
    (`call_sid`) has ended.
    """
    if status in ("completed", "answered"):
        if call_sid:
            outside.note_answered(at, call_sid)
        return twiml.hang_up()
    if written.target(at.caller.place) != LATER:
        at.note(missed.NOBODY_ANSWERED)
        return _lead(at, LATER, moves=at.caller.moves + 1)
    return onward(at)
