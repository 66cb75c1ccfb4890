"""A caller's way through the plan of their line: what Twilio asks, step by step, and is told.

Each function is asked within a transaction of the workspace, for a caller who is locked
(`standing`), and returns the document. All may be asked twice.
"""

from calls.facts.inbound import missed, plans, written
from calls.facts.inbound.plans import KEYS, LATER, Go, Target
from calls.facts.inbound.spoken import Phrase
from calls.facts.sids import CALL, RECORDING, is_sid
from calls.gateway import twiml
from calls.selectors.plans import only
from calls.services.callbacks.reading import Form
from calls.services.callbacks.reading import number as whole
from calls.services.inbound import arriving, documents, outside
from calls.services.inbound.plans import ensure_line
from calls.services.inbound.standing import Standing

NO_PLAN = Target(Go.VOICEMAIL, "none")  # of a number that is gone meanwhile: a message at least
_HURRIED = 2  # seconds in a queue: who came out of it so soon is not sent there again


def onward(at: Standing) -> str:
    """By where the caller is: what now."""
    if at.call.ended_at is not None:
        return twiml.hang_up()
    if not at.caller.place:
        return _enter(at, _first_target(at), moves=0)
    target = written.target(at.caller.place) or LATER
    if target.go == Go.GROUP and at.caller.left_at is not None:
        return _enter(at, target, moves=at.caller.moves)  # led on to another group
    return documents.of(at, target)


def _first_target(at: Standing) -> Target:
    """Where the plan begins for a call of that moment."""
    if at.line is None and (number := at.number()):
        at.line = ensure_line(number)
    if at.line is None:
        return NO_PLAN
    is_open = arriving.is_open(at.line, at.call.started_at)
    return written.target(at.line.when_open if is_open else at.line.when_closed) or LATER


def _enter(at: Standing, wanted: Target | None, *, moves: int) -> str:
    """Lead a caller on to a target, and say what they hear there."""
    target = plans.onward(only(wanted), wanted, moves) if wanted != NO_PLAN else NO_PLAN
    place = written.place(target)
    if target.go == Go.GROUP:
        _enter_group(at, place, moves)
    elif target.go == Go.MENU:
        at.go(place, moves=moves, tries=1)
        at.note(missed.GREETED)
    elif target.go == Go.VOICEMAIL:
        at.go(place, moves=moves)
        at.note(missed.TO_VOICEMAIL)
    elif target.go == Go.OUTSIDE:
        if not outside.may_be_called(at, target.to):
            at.note(missed.NOBODY_ANSWERED)
            return _enter(at, LATER, moves=moves)
        at.go(place, moves=moves)
        at.note(missed.TO_OUTSIDE)
    else:
        at.go(place, moves=moves)
        at.note(missed.TO_LATER)
    return documents.of(at, target)


def _enter_group(at: Standing, place: str, moves: int) -> None:
    since = at.caller.since or at.now
    at.go(place, moves=moves, since=since, entered_at=at.now, wish="", left_at=None)
    at.note(missed.WAITING)


def key(at: Standing, form: Form, menu: str) -> str:
    """A key of this menu was pressed, or none in time."""
    place = Target(Go.MENU, menu)
    block = only(place).block(place)
    if at.caller.place != written.place(place) or not isinstance(block, plans.Menu):
        return onward(at)
    said = form.get("Digits", "")[:1]
    target = plans.pressed(block, said if said in KEYS else "", at.caller.tries)
    if target is None:
        at.go(at.caller.place, tries=at.caller.tries + 1)
        return documents.of(at, place)
    return _enter(at, target, moves=at.caller.moves + 1)


def waiting(at: Standing, *, turn: int, told: str) -> str:
    """The next piece of what is heard in a queue; out of it for who belongs somewhere else."""
    target = written.target(at.caller.place)
    if target is None or target.go != Go.GROUP or at.caller.left_at is not None:
        return twiml.leave_queue()
    return documents.waiting(at, target, turn=turn, told=told)


def wish(at: Standing, form: Form, *, turn: int, told: str) -> str:
    """A key was pressed while waiting. Who waits for an agent who has answered stays."""
    target = written.target(at.caller.place)
    if target is not None and target.go == Go.GROUP and at.caller.left_at is None:
        group = only(target).block(target)
        wanted = documents.wishes(at, group).get(form.get("Digits", "")[:1])
        if wanted and not at.caller.claimed_at:
            at.go(at.caller.place, wish=wanted.value)
    return waiting(at, turn=turn, told=told)


def out_of_queue(at: Standing, form: Form) -> str:
    """The caller is no more in the queue, for whatever reason (Twilio's `QueueResult`)."""
    result = form.get("QueueResult", "")
    if result == "hangup":
        leave(at)
        return twiml.hang_up()
    if result.startswith("redirected"):
        return twiml.hang_up()  # is not heard: what has moved them says where to
    if result == "bridged":
        return twiml.hang_up()  # and has talked
    target = written.target(at.caller.place) or LATER
    is_inside = target.go == Go.GROUP and at.caller.left_at is None
    if result == "leave" or not is_inside:
        return onward(at)
    if at.caller.claimed_at or (whole(form.get("QueueTime")) or 0) >= _HURRIED:
        return documents.of(at, target)  # their place in it is a row: they come back to the same
    group = only(target).block(target)
    leave(at)
    is_full = result == "queue-full"
    at.note(missed.TOO_MANY_WAITING if is_full else missed.NOBODY_ANSWERED)
    overflow = group.overflow if isinstance(group, plans.Group) else None
    led = (overflow.full if is_full else None) or overflow.unanswered if overflow else None
    return _enter(at, led or LATER, moves=at.caller.moves + 1)


def leave(at: Standing) -> None:
    """They have hung up, or have gone on by themselves."""
    if at.caller.left_at is None:
        at.go(at.caller.place, left_at=at.now)


def bridge(at: Standing) -> str:
    """Into the room, where the agent is who has answered; back while nobody has."""
    if at.call.ended_at is not None:
        return twiml.hang_up()
    if at.caller.claimed_at is None or at.room.agent_id is None:
        return onward(at)
    return documents.bridge(at)


def message(at: Standing, form: Form) -> str:
    """A message was left."""
    sid = form.get("RecordingSid")
    if (whole(form.get("RecordingDuration")) or 0) > 0 and is_sid(sid, RECORDING):
        at.note(missed.MESSAGE_LEFT, once=True, recording=sid)
        return documents.goodbye(at, Phrase.THANKS)
    return documents.goodbye(at, Phrase.NO_MESSAGE)


def after_outside(at: Standing, form: Form) -> str:
    """The outside number has not answered, or the talk with it is over."""
    sid = form.get("DialCallSid")
    if form.get("DialCallStatus") in ("completed", "answered"):
        if is_sid(sid, CALL):
            outside.note_answered(at, sid)
        return twiml.hang_up()
    at.note(missed.NOBODY_ANSWERED)
    return _enter(at, LATER, moves=at.caller.moves + 1)
