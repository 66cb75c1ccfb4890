"""One call as agent, browser and Twilio make it: fifteen events, from the click to the end."""

import asyncio
import json
from collections.abc import Callable
from time import perf_counter
from uuid import UUID, uuid4
from xml.etree import ElementTree

from benchmarks import load, twilio_says
from benchmarks.load import Connection, Volley
from benchmarks.page import Page

EVENTS = 15


class Story:
    """`leg_of` finds the contact's leg of a wish to call; `hooks` notes what Twilio told us."""

    def __init__(
        self, page: Page, hooks: Volley, *, leg_of: Callable[[str], UUID], talk: float
    ) -> None:
        self.page, self.hooks, self.leg_of, self.talk = page, hooks, leg_of, talk
        self.request = str(uuid4())
        self.sid, self.contact_sid = f"CA{uuid4().hex}", ""
        self.tenant, self.sequence = page.person.tenant_id, 0
        self.connection = Connection(page.web)

    async def tell(self) -> None:
        """Raises ConnectionError when a step fails."""
        try:
            await self._dial()
            await self._talk()
            await self._end()
        finally:
            self.connection.close()

    async def _dial(self) -> None:
        caller = {"CallSid": self.sid, "CallStatus": "ringing"}
        caller |= {"From": f"client:{self.page.person.identity}", "clientRequestId": self.request}
        twiml = await self._hook(twilio_says.signed("/api/twilio/voice-webhook", caller))
        room = ElementTree.fromstring(twiml.body).find("Dial/Conference")
        dial = ElementTree.fromstring(twiml.body).find("Dial")
        if room is None or dial is None:
            raise ConnectionError(f"no room: {twiml.body[:300]!r}")
        self.agent = room.attrib["participantLabel"]
        self.action = dial.attrib["action"]
        self.room = UUID(room.attrib["statusCallback"].split("room=")[1][:32])
        self.page.look_at(self.request)
        await self._of_room("conference-start")
        await self._of_room("participant-join", CallSid=self.sid, ParticipantLabel=self.agent)
        body = json.dumps({"clientRequestId": self.request, "to": "+14155550100"}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        asked = load.get("/api/twilio/make-call", self.page.person.posting | headers)
        placed = await self.connection.ask(asked.replace(b"GET", b"POST", 1) + body)
        if placed.status not in (200, 201):
            raise ConnectionError(f"make-call: {placed.status} {placed.body[:300]!r}")
        self.contact_sid = json.loads(placed.body)["callSid"]
        self.page.look_at(self.request)
        self.leg = self.leg_of(self.request)
        await self._of_contact("initiated", 0)
        await asyncio.sleep(self.talk / 20)
        await self._of_contact("ringing", 1)

    async def _talk(self) -> None:
        await asyncio.sleep(self.talk / 10)
        await self._of_contact("in-progress", 2)
        theirs = {"CallSid": self.contact_sid, "ParticipantLabel": f"contact_{self.leg.hex}"}
        await self._of_room("participant-join", **theirs)
        for event in ("participant-mute", "participant-unmute"):
            await asyncio.sleep(self.talk / 3)
            await self._of_room(event, CallSid=self.sid, ParticipantLabel=self.agent)
        await asyncio.sleep(self.talk / 3)

    async def _end(self) -> None:
        """The contact hangs up; the product closes the room, and Twilio tells of that."""
        theirs = {"CallSid": self.contact_sid, "ParticipantLabel": f"contact_{self.leg.hex}"}
        await self._of_room("participant-leave", **theirs)
        await self._of_contact("completed", 3, CallDuration=str(round(self.talk)))
        await self._of_room("participant-leave", CallSid=self.sid, ParticipantLabel=self.agent)
        await self._of_room("conference-end")
        over = {"CallSid": self.sid, "CallStatus": "completed"}
        over["From"] = f"client:{self.page.person.identity}"
        await self._hook(twilio_says.signed(self.action, over))
        await self._hook(twilio_says.signed("/api/twilio/call-status", over))

    async def _of_room(self, event: str, **more: str) -> None:
        self.sequence += 1
        await self._hook(twilio_says.of_room(self.tenant, self.room, event, self.sequence, **more))

    async def _of_contact(self, status: str, sequence: int, **more: str) -> None:
        tenant, leg, sid = self.tenant, self.leg, self.contact_sid
        await self._hook(twilio_says.of_leg(tenant, leg, sid, status, sequence, **more))

    async def _hook(self, request: bytes) -> load.Answer:
        """Twilio asks again when it is told to, a second later."""
        for _ in range(5):
            began = self.page.sent[self.request] = perf_counter()
            answer = await self.connection.ask(request)
            self.hooks.note(answer, perf_counter() - began)
            if answer.status < 500:
                return answer
            await asyncio.sleep(1)
        raise ConnectionError(f"a webhook: {answer.status} {answer.body[:300]!r}")
