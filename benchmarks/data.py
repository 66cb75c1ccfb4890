"""Calls and contacts by the thousand and by the million, the product's and the peer's.

A few calls are heard by the product itself, by its webhooks; SQL makes the others like them. Those
of the history have their row and, every other one that was answered, a recording, but no room any
more; those of `fresh` have all that a call has.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from benchmarks import address_book, load, people, rows, servers, twilio_says
from benchmarks.people import Person
from benchmarks.processes import Broken
from benchmarks.rows import made_id, multiply, sql_id
from benchmarks.world import World

YEARS = 3 * 365 * 86_400  # seconds that a workspace's calls lie back, at most
# Of the calls that the product hears itself: every end, and as often as among others' calls.
_ENDS = ["completed"] * 12 + ["no-answer"] * 4 + ["busy"] * 2 + ["failed", "canceled"]


@dataclass
class Workspace:
    tenant: Any
    agents: list[Person]
    calls: int = 0
    contacts: int = 0

    @property
    def id(self) -> UUID:
        return UUID(str(self.tenant.pk))


@dataclass
class Data:
    """`big` workspaces by how many calls they have; numbers of calls, contacts go on over all."""

    world: World
    has_peer: bool
    big: dict[int, Workspace] = field(default_factory=dict)
    next_call: int = 0
    next_contact: int = 0

    def workspace(self, name: str, *, agents: int) -> Workspace:
        tenant = people.workspace(name)
        return Workspace(tenant, people.agents(tenant, agents))

    def add_contacts(self, of: Workspace, count: int) -> None:
        first, self.next_contact = self.next_contact, self.next_contact + count
        of.contacts += count
        address_book.fill(self.world, of.tenant, first=first, count=count)

    def fresh(self, of: Workspace, count: int, tenants: list[UUID] | None = None) -> range:
        """Calls that were just asked for, whose rooms have ended: nothing is to be done about them
        at Twilio, whatever is heard. Their numbers, by which `made_id` knows them. They are the
        workspace's, or `tenants`' in turn (`tenant_of`), of which its first agent is a member.
        """
        numbers = range(self.next_call, self.next_call + count)
        self.next_call += count
        call = _a_call(of)
        one = f"SELECT *, 0 AS k FROM %s WHERE {{}} = '{call.conference_id}'"
        changes = {"tenant_id": people.among(tenants or [of.id]), "created_at": "now()"}
        more = {"first": numbers.start, "count": count, "each": 1}
        for table, column, given in (
            ("calls_conference", "id", {"id": sql_id("room"), "client_request_id": sql_id("wish")}),
            (
                "calls_callleg",
                "conference_id",
                {
                    "id": sql_id("leg' || p.party || '"),
                    "conference_id": sql_id("room"),
                    "call_sid": "'CA'||md5(p.party||i)",
                },
            ),
            (
                "calls_calllog",
                "conference_id",
                {
                    "id": sql_id("call"),
                    "conference_id": sql_id("room"),
                    "twilio_call_sid": "'CA'||md5('contact'||i)",
                    "started_at": "now()",
                },
            ),
            (
                "calls_callevent",
                "conference_id",
                {"conference_id": sql_id("room"), "key": "md5('event'||i)"},
            ),
        ):
            patterns = one.format(column) % table
            multiply(self.world, table, patterns, changes=changes | given, **more)
        if self.has_peer:
            self.give_peer(
                f"id = ANY(ARRAY(SELECT {sql_id('call')} FROM generate_series"
                f"({numbers.start}, {numbers.stop - 1}) AS i))"
            )
        return numbers

    def add_history(self, of: Workspace, count: int) -> None:
        """Calls that are over, each two minutes (or less, if they are many) before the next one."""
        patterns = self._heard(of)
        first, self.next_call = self.next_call, self.next_call + count
        of.calls += count
        known = f"SELECT c.*, array_position(ARRAY{patterns}::uuid[], c.id) - 1 AS k"
        whole = f"{known} FROM calls_calllog c WHERE c.id = ANY(ARRAY{patterns}::uuid[])"
        apart = min(120, YEARS / count)
        began = f"(now() - ({first + count} - i) * {apart} * interval '1 second')"
        moved = {
            name: f"p.{name} + ({began} - p.started_at)"
            for name in ("answered_at", "ended_at", "created_at", "updated_at")
        }
        contact = "NULL::uuid"
        if of.contacts:
            contact = sql_id("contact", f"{self.next_contact - of.contacts} + (i % {of.contacts})")
        agents = "ARRAY[" + ",".join(f"'{agent.user_id}'::uuid" for agent in of.agents[:50]) + "]"
        changes = moved | {
            "id": sql_id("call"),
            "conference_id": "NULL",
            "started_at": began,
            "twilio_call_sid": "'CA'||md5('contact'||i)",
            "contact_id": contact,
            "meant": "1" if of.contacts else "0",
            "user_id": f"({agents})[1 + i % {min(len(of.agents), 50)}]",
        }
        more = {"first": first, "count": count, "each": len(patterns)}
        with rows.without_indexes(self.world, "calls_calllog", "calls_recording"):
            multiply(self.world, "calls_calllog", whole, changes=changes, **more)
            self._recordings(of, first, count)
        if self.has_peer:
            self.give_peer(f"tenant_id = '{of.id}' AND conference_id IS NULL")

    def _recordings(self, of: Workspace, first: int, count: int) -> None:
        """Of every other call that was answered."""
        from calls.models import CallLog, Recording
        from tenants.fence.context import tenant_transaction

        with tenant_transaction(of.id):
            call = CallLog.objects.filter(outcome="completed").first()
            one = Recording.objects.create(
                tenant=of.tenant, call=call, sid=f"RE{of.id.hex}", account_sid="AC" + "0" * 32,
                state=Recording.State.STORED, duration=61, path=f"{of.id.hex}.wav", size=1,
                sha256="0" * 64,
            )  # fmt: skip
        self.world.sql.execute(
            "CREATE TEMP TABLE answered AS SELECT id FROM calls_calllog"
            " WHERE tenant_id = %s AND conference_id IS NULL AND outcome = 'completed'"
            " AND get_byte(uuid_send(id), 0) %% 2 = 0",
            [of.id],
        )
        names = rows.columns(self.world, "calls_recording")
        new = {"id": "gen_random_uuid()", "call_id": "a.id", "sid": "'RE'||md5(a.id::text)"}
        values = ", ".join(new.get(name, f"p.{name}") for name in names)
        self.world.sql.execute(
            f"INSERT INTO calls_recording ({', '.join(names)}) SELECT {values}"
            " FROM answered a, calls_recording p WHERE p.id = %s",
            [one.pk],
        )
        self.world.sql.execute("DROP TABLE answered")

    def _heard(self, of: Workspace) -> list[str]:
        """Ids of calls with every end, which the product has heard by its webhooks."""
        port = servers.web(self.world)
        sent: list[bytes] = []
        of_each = sorted(set(_ENDS)) if self.world.is_quick else _ENDS
        calls = self.fresh(of, len(of_each))
        for number, end in zip(calls, of_each, strict=True):
            told = [("initiated", 0), ("ringing", 1), (end, 3)]
            if end == "completed":
                told.insert(2, ("in-progress", 2))
            leg, sid = leg_of(number), sid_of(number)
            sent += twilio_says.story(of.id, leg, sid, told)
        volley = asyncio.run(load.fire(port, sent, connections=1))
        found = self.world.rows(
            "SELECT id, outcome FROM calls_calllog WHERE id = ANY(%s)",
            [made_id("call", number) for number in calls],
        )
        ends = {str(made_id("call", n)): end for n, end in zip(calls, of_each, strict=True)}
        if volley.statuses != {204: len(sent)} or {str(a): b for a, b in found} != ends:
            raise Broken(f"the product did not hear its calls: {volley.statuses}, {found}")
        return list(ends)

    def give_peer(self, which: str) -> None:
        """The same calls, with the same people, to the described server's tables."""
        sql = self.world.sql.execute
        sql(
            'INSERT INTO described."User" SELECT id::text, name FROM tenants_user'
            " ON CONFLICT DO NOTHING"
        )
        sql(
            'INSERT INTO described."Contact" SELECT c.id::text, c.tenant_id::text, name, number'
            " FROM contacts_contact c JOIN contacts_contactnumber n ON contact_id = c.id"
            f" WHERE c.id IN (SELECT contact_id FROM calls_calllog WHERE {which})"
            " ON CONFLICT DO NOTHING"
        )
        sql(
            'INSERT INTO described."CallLog" SELECT id::text, tenant_id::text, user_id::text,'
            " contact_id::text,"
            " direction, from_number, to_number, status, duration, NULL, NULL, twilio_call_sid,"
            f" started_at, ended_at, created_at, updated_at FROM calls_calllog WHERE {which}"
            " ON CONFLICT DO NOTHING"
        )
        sql('ANALYZE described."CallLog"')


def sid_of(number: int) -> str:
    """Of a fresh call's contact, as `Data.fresh` makes it."""
    return f"CA{made_id('contact', number).hex}"


def tenant_of(number: int, tenants: list[UUID]) -> UUID:
    """Of a fresh call that was made among several."""
    return tenants[number % len(tenants)]


def leg_of(number: int) -> UUID:
    return made_id("legcontact", number)


def _a_call(of: Workspace) -> Any:
    """One that was just asked for; its room has ended. Made once for each workspace."""
    from django.conf import settings
    from django.utils import timezone

    from calls.models import CallEvent, CallLeg, CallLog, Conference
    from tenants.fence.context import tenant_transaction

    if found := _patterns.get(of.id):
        return found
    now, agent = timezone.now() - timedelta(seconds=30), of.agents[0]
    with tenant_transaction(of.id):
        room = Conference.objects.create(
            tenant=of.tenant, agent_id=agent.user_id, client_request_id=made_id("wish", -1),
            account_sid=settings.TWILIO_ACCOUNT_SID, conference_sid="CF" + "0" * 32,
            next_look_at=now + timedelta(days=1),
        )  # fmt: skip
        for party, user in (("agent", agent.user_id), ("contact", None)):
            CallLeg.objects.create(
                tenant=of.tenant, conference=room, party=party, user_id=user,
                call_sid=f"CA{made_id(f'{party}{of.id}', 0).hex}", left_at=now,
            )  # fmt: skip
        CallEvent.objects.create(
            tenant=of.tenant, conference=room, key=f"end of {room.pk}", kind="conference",
            name="conference-end", at=now, sequence=9,
        )  # fmt: skip
        _patterns[of.id] = CallLog.objects.create(
            tenant=of.tenant, user_id=agent.user_id, conference=room, direction="OUTBOUND",
            from_number="+14155550199", to_number="+14155550100", started_at=now,
            twilio_call_sid=f"CA{made_id(f'contact{of.id}', 0).hex}",
        )  # fmt: skip
    return _patterns[of.id]


_patterns: dict[UUID, Any] = {}


def make(world: World, *, sizes: list[int], contacts: int, has_peer: bool, say: Any) -> Data:
    """A workspace for each size, the largest with the contacts; 1,000 if they are a million."""
    data = Data(world, has_peer)
    if world.is_quick:
        servers.begin(world)
    if has_peer:
        tables = (servers.PEER / "tables.sql").read_text()
        world.sql.execute(tables)
        world.sql.execute("GRANT USAGE ON SCHEMA described TO PUBLIC")
        world.sql.execute("GRANT ALL ON ALL TABLES IN SCHEMA described TO PUBLIC")
        world.sql.execute("RESET search_path")
    for size in sizes:
        began = time.monotonic()
        of = data.big[size] = data.workspace(f"calls-{size}", agents=10)
        data.add_contacts(of, contacts if size == max(sizes) else min(contacts, 1000))
        data.add_history(of, size)
        # As autovacuum does within a minute: of a table that is taken for empty one index is as
        # good as another.
        world.sql.execute("ANALYZE")
        say(f"{size:,} calls and {of.contacts:,} contacts in {time.monotonic() - began:.0f} s")
    return data
