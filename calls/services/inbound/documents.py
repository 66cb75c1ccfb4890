"""What a caller hears where they are, as TwiML."""

from uuid import UUID

from calls.facts.inbound import callers, plans, queues, spoken
from calls.facts.inbound.plans import Announcement, Go, Target
from calls.facts.inbound.queues import Wish
from calls.facts.inbound.spoken import Phrase
from calls.gateway import addresses, twiml
from calls.gateway.twiml import Played, Said, Sounds
from calls.selectors.plans import only
from calls.selectors.queues import RULES, callers_in
from calls.services.inbound import outside
from calls.services.inbound.standing import Standing
from calls.services.rooms import presence

LONGEST_TALK = 4 * 3600  # seconds, with an agent
LONGEST_MESSAGE = 180  # seconds, where no box says it
_PROMPTS_EVERY = 8  # pieces of ring back, after which it is said again what the keys do
_WISHES = {Wish.CALLBACK: Phrase.PRESS_CALLBACK, Wish.MESSAGE: Phrase.PRESS_MESSAGE}


def announcement(tenant_id: UUID, language: str, says: Announcement) -> Sounds:
    """A sound, or a text that is read out in the line's language."""
    if says.sound:
        return [Played(addresses.sound(tenant_id, UUID(says.sound)))]
    return [Said(says.text, spoken.voice(language))] if says.text.strip() else []


def phrase(language: str, what: Phrase, **values: object) -> Said:
    """Our own words."""
    voice, text = spoken.say(language, what, **values)
    return Said(text, voice)


def goodbye(at: Standing, what: Phrase) -> str:
    return twiml.speak_and_hang_up([phrase(at.language, what)])


def of(at: Standing, target: Target) -> str:
    """Of where they are now."""
    block = only(target).block(target)
    if target.go == Go.GROUP:
        return twiml.enqueue(
            f"vq_{target.to}", action_url=_step(at, "queue"), wait_url=_step(at, "wait")
        )
    if isinstance(block, plans.Menu):
        return twiml.ask_key(
            announcement(at.tenant_id, at.language, block.prompt),
            action_url=_step(at, "key", menu=block.id),
            seconds=max(1, block.seconds),
        )
    if target.go == Go.VOICEMAIL:
        return _voicemail(at, block if isinstance(block, plans.Box) else None)
    if target.go == Go.OUTSIDE:
        return outside.document(at, target.to, action_url=_step(at, "outside"))
    return goodbye(at, Phrase.LATER)


def _voicemail(at: Standing, box: plans.Box | None) -> str:
    greeting = announcement(at.tenant_id, at.language, box.greeting) if box else []
    return twiml.record_message(
        greeting or [phrase(at.language, Phrase.LEAVE_MESSAGE)],
        [phrase(at.language, Phrase.NO_MESSAGE)],
        action_url=_step(at, "message"),
        recording_callback=addresses.recording_status(at.tenant_id, at.call.pk),
        longest=box.longest_seconds if box else LONGEST_MESSAGE,
    )


def wishes(at: Standing, group: plans.Block | None) -> dict[str, Wish]:
    """What the keys do while they wait."""
    if not isinstance(group, plans.Group):
        return {}
    caller = callers.read(at.call.from_number)
    return queues.wishes(group, may_be_called=caller.may_be_matched)


def waiting(at: Standing, target: Target, *, turn: int) -> str:
    """One piece of it: now and then their place in the queue, at its beginning and now and then
    what the keys do, and music, or a ring back tone.
    """
    group = only(target).block(target)
    sounds: list[Said | Played] = []
    keys = wishes(at, group)
    if isinstance(group, plans.Group) and not at.caller.claimed_at:
        sounds += _place(at, group)
        if turn % _PROMPTS_EVERY == 1:
            sounds += [phrase(at.language, _WISHES[wish], key=key) for key, wish in keys.items()]
    music = group.music if isinstance(group, plans.Group) else Announcement()
    sounds += announcement(at.tenant_id, at.language, music)
    if not music.sound:
        sounds.append(ring_back(at.call.to_number))
    again = str(turn + 1)
    return twiml.wait(
        sounds,
        again_url=_step(at, "wait", turn=again),
        key_url=_step(at, "wish", turn=again) if keys else "",
    )


def _place(at: Standing, group: plans.Group) -> list[Said | Played]:
    """Their place, if it has changed and was not told just now (`queues.Rules.place_every`)."""
    caller, told_at = at.caller, at.caller.place_told_at
    if not group.says_place or (told_at and at.now - told_at < RULES.place_every):
        return []
    found = callers_in(group_id(Target(Go.GROUP, group.id)))
    queue = queues.Queue(group, tuple(each.fact for each in found))
    own = next((each.id for each in found if each.row.pk == caller.pk), "")
    place = queue.place_of(own)
    if place is None or place == caller.place_told:
        return []
    at.write(place_told=place, place_told_at=at.now)
    what = Phrase.NEXT if place == 1 else Phrase.PLACE
    return [phrase(at.language, what, place=place)]


def a_moment(at: Standing, *, turn: int) -> str:
    """For who is about to be led on."""
    return twiml.pause_and_go(1, _step(at, "wait", turn=str(turn + 1)))


def ring_back(our_number: str) -> Played:
    """As telephones sound where the number is."""
    where = "1" if our_number.startswith("+1") else "2"
    return Played(addresses.static(f"sounds/ringback-{where}.wav"))


def bridge(at: Standing) -> str:
    return presence.into_room(at.room, at.leg, LONGEST_TALK, ends_room=True)


def sorry(tenant_id: UUID) -> str:
    """For when our database is away: a message all the same. Nothing is read or kept for it."""
    return twiml.record_message(
        [phrase(spoken.DEFAULT, Phrase.SORRY_VOICEMAIL)],
        [phrase(spoken.DEFAULT, Phrase.NO_MESSAGE)],
        action_url=addresses.message_kept(tenant_id),
        recording_callback=addresses.message_status(tenant_id),
        longest=LONGEST_MESSAGE,
    )


def group_id(target: Target) -> UUID:
    return UUID(target.to)


def _step(at: Standing, step: str, **more: str) -> str:
    return addresses.caller_step(at.tenant_id, at.call.pk, step, **more)
