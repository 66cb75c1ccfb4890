"""Conferences and their participants: who is in, who hears whom, which events go out.

As with calls, every change is one uninterrupted function on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.config import Account
from sandbox.ids import new_sid, now, rfc2822
from sandbox.media.audio import SILENCE, Clip, Samples, hold_music, mix, ringback, tone
from sandbox.telephony.callbacks import ConferenceCallback
from sandbox.telephony.calls import Call
from sandbox.telephony.recordings import Recording
from sandbox.wire.webhooks import Params, Webhooks

SPEECH_LEVEL = 400
SPEECH_STOP_FRAMES = 40


class DuplicateLabel(Exception):
    """16025: the label is in use in this conference."""


class ConferenceFull(Exception):
    """maxParticipants is reached."""


@dataclass
class Participant:
    """One leg in, or on its way into, a conference."""

    conference: Conference
    call: Call
    label: str = ""
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    call_sid_to_coach: str = ""
    start_on_enter: bool = True
    end_on_exit: bool = False
    beep: str = "true"
    early_media: bool = True
    via_api: bool = False
    max_participants: int = 250
    wait: Clip = field(default_factory=lambda: Clip(hold_music(), loop=True))
    hold_clip: Clip = field(default_factory=lambda: Clip(hold_music(), loop=True))
    left: asyncio.Event = field(default_factory=asyncio.Event)
    quiet_frames: int | None = None  # None: not speaking

    def facts(self) -> Params:
        """What participant events say about it."""
        found = {
            "CallSid": self.call.sid,
            "Muted": str(self.muted).lower(),
            "Hold": str(self.hold).lower(),
            "Coaching": str(self.coaching).lower(),
            "EndConferenceOnExit": str(self.end_on_exit).lower(),
            "StartConferenceOnEnter": str(self.start_on_enter).lower(),
        }
        if self.label:
            found["ParticipantLabel"] = self.label
        if self.coaching:
            found["CallSidToCoach"] = self.call_sid_to_coach
        return found

    def others(self) -> list[Call]:
        """The legs that it shares the conference with."""
        return [p.call for p in self.conference.joined if p.call is not self.call]

    def leave(self, reason: str) -> None:
        """Out of the conference."""
        self.conference.leave(self, reason)


class Conference:
    """A CF… resource. ``status``: init, in-progress, completed."""

    def __init__(
        self,
        account: Account,
        name: str,
        callback: ConferenceCallback,
        webhooks: Webhooks,
        base_url: str,
        region: str = "us1",
    ) -> None:
        self.account = account
        self.name = name
        # Only the first participant's callback counts; later ones are ignored.
        self.callback = callback
        self.base_url = base_url
        self.region = region
        self.sid = new_sid("CF")
        self.status = "init"
        self.created = self.updated = now()
        self.joined: list[Participant] = []
        self.pending: list[Participant] = []
        self.recording: Recording | None = None
        self.reason_ended: str | None = None
        self.ended_by: str | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._webhooks = webhooks
        self._sequence = 0
        self._ringback = Clip(ringback(), loop=True)
        self._notice: Clip | None = None

    # who is in

    def find(self, key: str) -> Participant | None:
        """By call SID or label, also while it is still being dialled."""
        for participant in self.joined + self.pending:
            if key in (participant.call.sid, participant.label):
                return participant
        return None

    def check(self, label: str, limit: int = 250) -> None:
        """Raises DuplicateLabel or ConferenceFull."""
        if label and self.find(label):
            raise DuplicateLabel(label)
        if len(self.joined) + len(self.pending) >= limit:
            raise ConferenceFull(self.name)

    def expect(self, participant: Participant) -> None:
        """It is being dialled."""
        self.pending.append(participant)

    def join(self, participant: Participant) -> None:
        """It is in; the conference starts with the second one if anybody may start it."""
        if participant in self.pending:
            self.pending.remove(participant)
        self.joined.append(participant)
        participant.call.participant = participant
        participant.call.stop_playing()
        self._fire("participant-join", participant.facts())
        startable = any(p.start_on_enter for p in self.joined)
        if self.status == "init" and len(self.joined) > 1 and startable:
            self.status, self.updated = "in-progress", now()
            self._fire("conference-start", {})
        if participant.beep in ("true", "onEnter"):
            self._notice = Clip(tone(0.2, 880))

    def failed(self, participant: Participant) -> None:
        """Its call ended before it could join."""
        if participant not in self.pending:
            return
        self.pending.remove(participant)
        self._left(participant, "participant_add_failed")
        self._end_if_empty("last-participant-left", participant)

    def leave(self, participant: Participant, reason: str, *, kicked: bool = False) -> None:
        """It is out. Ends the conference if it was the last, or was made to."""
        if participant not in self.joined:
            return
        self.joined.remove(participant)
        self._left(participant, reason)
        if self.status == "completed":
            return
        if participant.beep in ("true", "onExit"):
            self._notice = Clip(tone(0.2, 440))
        how = "kicked" if kicked else "left"
        if participant.end_on_exit:
            self.end(f"participant-with-end-conference-on-exit-{how}", participant)
        else:
            self._end_if_empty(f"last-participant-{how}", participant)

    def end(self, reason: str, by: Participant | None = None) -> None:
        """Everybody out. A leg that is still being dialled is canceled."""
        if self.status == "completed":
            return
        self.status, self.updated = "completed", now()
        self.reason_ended, self.ended_by = reason, by.call.sid if by else None
        why = "moderator_ended_conference" if by else "conference_ended_via_api"
        for participant in list(self.joined):
            self.leave(participant, why)
        for participant in list(self.pending):
            participant.call.end("canceled")
        self.on_end()
        ending = {"CallSidEndingConference": by.call.sid} if by else {}
        if by and by.label:
            ending["ParticipantLabelEndingConference"] = by.label
        self._fire("conference-end", {"ReasonConferenceEnded": reason, "Reason": reason} | ending)

    def _left(self, participant: Participant, reason: str) -> None:
        call = participant.call
        call.participant = None
        facts = participant.facts() | {
            "ReasonParticipantLeft": reason,
            "ParticipantCallStatus": call.status,
        }
        self._fire("participant-leave", facts)
        participant.left.set()
        if participant.via_api:
            call.end("completed")  # nothing follows a leg that was dialled into the room

    def _end_if_empty(self, reason: str, last: Participant) -> None:
        if not self.joined and not self.pending:
            self.end(reason, last)

    # changes while it runs

    def set_muted(self, participant: Participant, muted: bool) -> None:
        """Mute or unmute; no event when nothing changes."""
        if participant.muted != muted:
            participant.muted = muted
            self._fire("participant-mute" if muted else "participant-unmute", participant.facts())

    def set_hold(self, participant: Participant, hold: bool) -> None:
        """Hold or resume; no event when nothing changes."""
        if participant.hold != hold:
            participant.hold = hold
            self._fire("participant-hold" if hold else "participant-unhold", participant.facts())

    def modified(self, participant: Participant) -> None:
        """Coaching or endConferenceOnExit changed."""
        self._fire("participant-modify", participant.facts())

    # sound

    def tick(self) -> None:
        """Give each participant the sum of the others, 20 ms."""
        running = self.status == "in-progress"
        talking = [
            p
            for p in self.joined
            if running and not p.muted and not p.hold and p.call.inp is not SILENCE
        ]
        common: list[Samples] = []
        if any(p.early_media and p.call.status == "ringing" for p in self.pending):
            common.append(self._ringback.next() or SILENCE)
        rings = bool(common)
        if self._notice is not None:
            frame = self._notice.next()
            if frame is None:
                self._notice = None
            else:
                common.append(frame)
        for p in self.joined:
            if p.hold:
                p.call.out = p.hold_clip.next() or SILENCE
            elif not running and not rings:
                p.call.out = p.wait.next() or SILENCE
            else:
                p.call.out = mix(
                    common
                    + [
                        t.call.inp
                        for t in talking
                        if t is not p and (not t.coaching or t.call_sid_to_coach == p.call.sid)
                    ]
                )
        if running and self.recording is not None and self.recording.running:
            self.recording.feed(mix([t.call.inp for t in talking if not t.coaching]), SILENCE)
        if "speaker" in self.callback.events:
            for p in self.joined:
                self._watch_speech(p)

    def _watch_speech(self, p: Participant) -> None:
        loud = p.call.inp is not SILENCE and max(p.call.inp) > SPEECH_LEVEL
        if loud and not p.muted:
            if p.quiet_frames is None:
                self._fire("participant-speech-start", p.facts())
            p.quiet_frames = 0
        elif p.quiet_frames is not None:
            p.quiet_frames += 1
            if p.quiet_frames > SPEECH_STOP_FRAMES:
                p.quiet_frames = None
                self._fire("participant-speech-stop", p.facts())

    def _fire(self, event: str, facts: Params) -> None:
        if not self.callback.wants(event):
            return
        self._sequence += 1
        params = {
            "AccountSid": self.account.sid,
            "ConferenceSid": self.sid,
            "FriendlyName": self.name,
            "SequenceNumber": str(self._sequence),
            "Timestamp": rfc2822(now()) or "",
            "StatusCallbackEvent": event,
        }
        self._webhooks.event(self.account, self.callback.url, self.callback.method, params | facts)
