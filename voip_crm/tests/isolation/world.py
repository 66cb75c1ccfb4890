"""Three workspaces with something in every tenant table, each text of theirs marked as theirs.

Acme has a Twilio account of its own; Borealis and Cygnus had one and now share the installation's.
"""

import hashlib
import re
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from calls.facts import states
from calls.gateway.accounts import TwilioAccount, account_of
from calls.models import (
    AgentAvailability,
    BlockedCaller,
    Caller,
    CallingCeiling,
    CallingPolicy,
    CallLeg,
    CallLog,
    CodeCall,
    Conference,
    Group,
    GroupMember,
    Line,
    Menu,
    NumberOrder,
    Offer,
    OwnAccount,
    OwnPhone,
    PhoneNumber,
    PhoneRing,
    PossibleContact,
    PushSubscription,
    Recording,
    Sound,
    StoppedCall,
    UnroutedEvent,
    VoicemailBox,
    VoicemailListener,
)
from calls.services.rooms import progress
from calls.services.rooms.progress import Heard
from calls.tests.conftest import admitted
from contacts.imports import jobs
from contacts.models import ContactImportPiece
from contacts.services import create_contact, set_archived
from tenants.fence.context import tenant_transaction
from tenants.fence.scoping import tenant_models
from tenants.models import Membership, Role, Tenant, User
from tenants.people.services import add_member, create_tenant, set_active
from tenants.signing_in import elsewhere
from tenants.trail import audit
from tenants.trail.audit import Action, Actor
from voip_crm.tests import cast
from voip_crm.tests.cast import PASSWORD

AREAS = {"acme": "415", "borealis": "212", "cygnus": "312"}
# What a request may write beside the rows that it is about.
VOLATILE_TABLES = {"django_session"}
VOLATILE_COLUMNS = {
    ("tenants_user", "last_login"),
    ("tenants_session", "session_data"),
    ("tenants_session", "expire_date"),
}

Row = tuple[Any, str]  # (whose, as text); whose is a tenant's id or None
Snapshot = dict[str, frozenset[Row]]


@dataclass
class Side:
    """One workspace, what requests name of it (`ids`), and what nobody else may ever see."""

    tenant: Tenant
    ids: dict[str, str]
    members: dict[str, Membership]
    canaries: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()

    @property
    def marker(self) -> str:
        return f"zz{self.tenant.slug}"

    def seen_in(self, text: str, *, said: str = "") -> set[str]:
        """What of this workspace stands in `text`, but for what the asker has `said`."""
        text, said = text.lower(), said.lower()
        found = {c for c in self.canaries if c in text and c not in said}
        return found | {d for d in self.digits if d in _digits(text) and d not in said}


@lru_cache(maxsize=16)  # one text is looked through for each workspace
def _digits(text: str) -> str:
    return "".join(re.findall(r"\d+", text))


@dataclass
class World:
    sides: dict[str, Side]
    cookies: dict[str, str]  # of each actor, by name
    before: Snapshot

    @property
    def acme(self) -> Side:
        return self.sides["acme"]

    @property
    def borealis(self) -> Side:
        return self.sides["borealis"]

    def others(self, side: Side | None) -> list[Side]:
        return [other for other in self.sides.values() if other is not side]


def build() -> World:
    sides = {slug: _workspace(slug, area) for slug, area in AREAS.items()}
    cookies = {"anonymous": ""}
    for side in sides.values():
        side.ids["session"] = _session(side.members["agent"].user)
    for actor in ("agent", "supervisor", "admin", "gone"):
        cookies[actor] = _cookie(sides["acme"].members[actor].user)
    cookies["outsider"] = _cookie(sides["borealis"].members["admin"].user)
    root = User.objects.create_superuser("root@example.com", PASSWORD, name="Root")
    for actor, slug in (("root", "acme"), ("root_elsewhere", "borealis")):
        cookies[actor] = _cookie(root, picks=sides[slug])
    world = World(sides, cookies, snapshot())
    _collect_canaries(world)
    return world


def _workspace(slug: str, area: str) -> Side:
    marker = f"zz{slug}"
    tenant = create_tenant(
        name=f"Workspace {marker}", slug=slug, records_calls=True, notice=f"Notice of {marker}"
    )
    roles = {"admin": Role.ADMIN, "supervisor": Role.SUPERVISOR, "agent": Role.AGENT}
    members = {
        name: _member(tenant, name, marker, role)
        for name, role in (roles | {"gone": Role.ADMIN, "spare": Role.AGENT}).items()
    }
    for name in ("admin", "gone"):
        user = members[name].user
        user.is_staff = True
        user.save(update_fields=["is_staff"])
        ours = ["tenants", "contacts", "calls"]
        user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=ours))
    # Who was thrown out still sees their own name: it says nothing of the workspace.
    gone = members["gone"].user
    gone.name, gone.email = "Gone", f"gone-from-{area}@example.com"
    gone.save()
    # Invited, without a password yet: whose link can be shown again.
    members["invited"], _ = add_member(
        tenant, email=f"invited@{marker}.example", name=f"Invited {marker}"
    )
    side = Side(tenant, {}, members)
    with tenant_transaction(tenant.pk):
        set_active(members["gone"], False)
        members["spare"].closed_notice = tenant.notice
        members["spare"].save()
        _own_account(tenant, marker, is_used=slug == "acme")
        _numbers_and_contacts(side, area)
        _limits(side, area)
    account = account_of(tenant.pk)
    _calls(side, account, area)
    side.ids |= {
        "tenant": str(tenant.pk),
        "slug": slug,
        "account_sid": account.sid,
        "user": str(members["agent"].user_id),
        "member": str(members["spare"].pk),
        "invited": str(members["invited"].pk),
        "identity": members["agent"].identity,
        "email": members["agent"].user.email,
        "marker": marker,
    }
    return side


def _member(tenant: Tenant, name: str, marker: str, role: str) -> Membership:
    member, _ = add_member(
        tenant, email=f"{name}@{marker}.example", role=role, name=f"{name.title()} {marker}"
    )
    user = member.user
    user.password = cast.password_hash()
    user.clerk_user_id = f"user_{name}_{marker}"
    user.save()
    return member


def _own_account(tenant: Tenant, marker: str, *, is_used: bool) -> None:
    def sid(prefix: str) -> str:
        return prefix + hashlib.md5(f"{marker} {prefix}".encode()).hexdigest()

    OwnAccount.objects.create(
        tenant=tenant,
        sid=sid("AC"),
        auth_token=f"{marker}-token",
        previous_auth_token=f"{marker}-token-before",
        previous_until=timezone.now(),
        api_key_sid=sid("SK"),
        api_key_secret=f"{marker}-key-secret",
        twiml_app_sid=sid("AP"),
        retired_at=None if is_used else timezone.now(),
    )


def _numbers_and_contacts(side: Side, area: str) -> None:
    tenant, marker = side.tenant, side.marker
    from calls.gateway.accounts import sid_of

    for digits, name in (("0191", "number"), ("0192", "second_number")):
        number = PhoneNumber.objects.create(
            tenant=tenant,
            number=f"+1{area}555{digits}",
            label=f"{name} of {marker}",
            account_sid=sid_of(tenant.pk),
            twilio_sid=_sid("PN"),
            is_default=name == "number",
        )
        side.ids |= {name: str(number.pk), f"{name}_e164": number.number}
    side.ids["own_phone_e164"] = f"+1{area}5550194"
    NumberOrder.objects.create(
        number=f"+1{area}5550193", label=f"order of {marker}", account_sid=sid_of(tenant.pk)
    )
    for digits, name in (("0171", "contact"), ("0172", "archived")):
        contact = create_contact(
            tenant,
            name=f"{name.title()} of {marker}",
            company=f"Company {marker}",
            email=f"{name}@customer.{marker}.example",
            numbers=[(f"+1{area}555{digits}", f"label {marker}")],
            owner_id=side.members["agent"].user_id,
        )
        maker = Actor(side.members["admin"].user_id, f"Admin {marker}")
        audit.record(Action.CONTACT_CREATED, on=contact, actor=maker, note=f"made in {marker}")
        row = contact.numbers.get()
        side.ids |= {
            name: str(contact.pk),
            f"{name}_e164": f"+1{area}555{digits}",
            f"{name}_number": str(row.pk),
        }
        if name == "archived":
            set_archived(contact, True, now=timezone.now())
    data = f"name,email\n{marker},a@x.example\n{marker},no address\n".encode()
    file = jobs.take(tenant, name=f"{marker}.csv", chunks=[data])
    for _ in range(2):  # it is read, and looked at
        jobs.work_off(tenant.pk, file.pk)
    ContactImportPiece.objects.create(
        tenant=tenant, file=file, position=0, packed=zlib.compress(data)
    )
    data = f"name,email,about {marker}\nNobody,no address of {marker},\n".encode()
    done = jobs.take(tenant, name=f"{marker}.csv", chunks=[data])
    jobs.work_off(tenant.pk, done.pk)
    done.refresh_from_db()
    done.trouble = f"Trouble of {marker}"
    jobs.begin(done)
    done.save()
    jobs.work_off(tenant.pk, done.pk)
    side.ids |= {"import": str(file.pk), "import_done": str(done.pk)}


def _limits(side: Side, area: str) -> None:
    caps = dict.fromkeys(
        ("agent_calls_per_minute", "calls_per_minute", "agent_calls_at_once", "calls_at_once"), 90
    )
    caps |= {"agent_daily_spend": 900, "daily_spend": 900, "longest_minutes": 60}
    policy = CallingPolicy.objects.create(tenant=side.tenant, **caps)
    ceiling = CallingCeiling.objects.create(tenant=side.tenant, **caps)
    stopped = StoppedCall.objects.create(
        tenant=side.tenant,
        user=side.members["agent"].user,
        rule="premium",
        hour=timezone.now().replace(minute=0, second=0, microsecond=0),
        count=1,
        last_at=timezone.now(),
        last_number=f"+1{area}5550199",
        message=f"Not allowed in {side.marker}.",
    )
    side.ids |= {"policy": str(policy.pk), "ceiling": str(ceiling.pk), "stopped": str(stopped.pk)}


def _message(side: Side, number: str, path: str, audio: bytes) -> None:
    """A call that came in and was missed, with the voicemail that it left."""
    with tenant_transaction(side.tenant.pk):
        call = CallLog.objects.create(
            direction=CallLog.Direction.INBOUND,
            from_number=number,
            to_number=side.ids["number_e164"],
            started_at=timezone.now(),
            ended_at=timezone.now(),
            status=states.NO_ANSWER,
            outcome=states.NO_ANSWER,
            missed="voicemail",
        )
        message = Recording.objects.create(
            call=call,
            sid=_sid("RE"),
            account_sid=account_of(side.tenant.pk).sid,
            state=Recording.State.STORED,
            path=path,
            size=len(audio),
            sha256=hashlib.sha256(audio).hexdigest(),
            error=f"once failed for {side.marker}",
            is_voicemail=True,
        )
    side.ids |= {"missed_call": str(call.pk), "voicemail": str(message.pk)}


def _lines(side: Side, call: CallLog) -> None:
    """A line with a block of each kind, and a call on its way there, offered to the agent."""
    marker, agent = side.marker, side.members["agent"].user
    path, audio = f"{side.tenant.pk}/sounds/{marker}.wav", f"RIFF for {marker}".encode() * 40
    Path(settings.RECORDINGS_DIR, path).parent.mkdir(parents=True, exist_ok=True)
    Path(settings.RECORDINGS_DIR, path).write_bytes(audio)
    with tenant_transaction(side.tenant.pk):
        sound = Sound.objects.create(
            name=f"Sound of {marker}", path=path, content_type="audio/wav", size=len(audio)
        )
        box = VoicemailBox.objects.create(name=f"Box {marker}", greeting_text=f"Box of {marker}")
        in_box = f"voicemail:{box.pk.hex}"
        group = Group.objects.create(
            name=f"Group {marker}",
            music_text=f"Wait for {marker}",
            box=box,
            **dict.fromkeys(["unanswered", "nobody", "full"], in_box),
        )
        # Nothing leads to it, and nothing plays this: they can go.
        spare = VoicemailBox.objects.create(name=f"Spare {marker}", greeting_text=f"Of {marker}")
        unheard = Sound.objects.create(
            name=f"Unheard in {marker}", path=path, content_type="audio/wav", size=1
        )
        menu = Menu.objects.create(
            name=f"Menu {marker}",
            prompt_text=f"Menu of {marker}",
            keys=[["1", in_box]],
            no_key=in_box,
            wrong_key=in_box,
        )
        line = Line.objects.create(
            number_id=side.ids["number"],
            hours={"zone": "Europe/Berlin", "closed": [["2026-12-24", "2026-12-26", marker]]},
            greeting_text=f"Welcome to {marker}",
            closed_text=f"{marker} is closed",
            when_open=f"group:{group.pk.hex}",
            when_closed=in_box,
        )
        VoicemailListener.objects.create(box=box, user=agent)
        GroupMember.objects.create(group=group, user=agent)
        AgentAvailability.objects.create(user=agent, availability="available")
        PushSubscription.objects.create(
            user=agent,
            session=f"session-{marker}",
            endpoint=f"https://fcm.googleapis.com/fcm/send/{marker}",
            p256dh=f"key-{marker}",
            auth=f"auth-{marker}",
        )
        blocked = BlockedCaller.objects.create(
            number=side.ids["archived_e164"], note=f"Blocked by {marker}"
        )
        caller = Caller.objects.create(
            call=call, place=line.when_open, since=call.started_at, entered_at=call.started_at
        )
        offer = Offer.objects.create(caller=caller, user=agent, offered_at=call.started_at)
        own = side.ids["own_phone_e164"]
        for role in ("agent", "supervisor", "admin"):
            OwnPhone.objects.create(
                user=side.members[role].user,
                number=own,
                confirmed_at=call.started_at,
                wanted=own,
                code=f"code {marker}",
            )
        CodeCall.objects.create(user=agent, number=own, asked_at=call.started_at)
        ring = PhoneRing.objects.create(
            offer=offer, user=agent, number=own, call_sid=_sid("CA"), asked_at=call.started_at
        )
    side.ids |= {
        name: str(row.pk)
        for name, row in {
            **{"sound": sound, "box": box, "group": group, "menu": menu, "line": line},
            **{"blocked": blocked, "caller": caller, "unheard": unheard, "spare": spare},
            "ring": ring,
        }.items()
    }
    side.ids |= {
        f"{name}_hex": UUID(side.ids[name]).hex for name in ("sound", "box", "group", "menu")
    }
    side.ids |= {"agent_hex": agent.pk.hex}


def _sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def _calls(side: Side, account: TwilioAccount, area: str) -> None:
    """The agent is in a call, the admin waits in a room, and an agent's call of before is over."""
    talk = _room(side, account, "agent")
    side.ids |= {"request": str(talk.request), "room": str(talk.room.pk), "leg": str(talk.leg.pk)}
    talk.dial(side.ids["contact"], side.ids["number_e164"], side.ids["contact_e164"])
    side.ids |= {
        "call": str(talk.call.pk),
        "call_sid": talk.contact_leg.call_sid or "",
        "contact_leg": str(talk.contact_leg.pk),
    }
    waits = _room(side, account, "admin")
    side.ids |= {"waiting": str(waits.request), "waiting_room": str(waits.room.pk)}
    past = _room(side, account, "supervisor")
    past.dial(side.ids["archived"], side.ids["number_e164"], side.ids["archived_e164"])
    with tenant_transaction(side.tenant.pk):  # it could have been either
        CallLog.objects.filter(pk=past.call.pk).update(meant=2)
        CallLog.objects.update(notes=f"Wants an offer from {side.marker}")
        for name in ("archived", "contact"):
            PossibleContact.objects.create(call=past.call, contact_id=side.ids[name])
    past.hear(states.CALL, "completed", past.contact_leg, duration=30)
    past.hear(states.CONFERENCE, "conference-end")
    path = f"{side.tenant.pk}/{past.call.pk}.wav"
    audio = f"RIFF of {side.marker}".encode() * 40
    Path(settings.RECORDINGS_DIR, path).parent.mkdir(parents=True, exist_ok=True)
    Path(settings.RECORDINGS_DIR, path).write_bytes(audio)
    with tenant_transaction(side.tenant.pk):
        recording = Recording.objects.create(
            tenant=side.tenant,
            call=past.call,
            sid=_sid("RE"),
            account_sid=account.sid,
            state=Recording.State.STORED,
            duration=30,
            path=path,
            size=len(audio),
            sha256=hashlib.sha256(audio).hexdigest(),
            error=f"once failed for {side.marker}",
        )
    _message(side, f"+1{area}5550179", path, audio)
    _lines(side, past.call)
    event = talk.first_event()
    unrouted = UnroutedEvent.objects.create(
        key=uuid.uuid4().hex,
        account_sid=account.sid,
        call_sid=_sid("CA"),
        reason=f"no such leg of {side.marker}",
        hook="leg",
        ids={"tenant": side.tenant.pk.hex},
        named_tenant=side.tenant.pk,
        payload={"CallStatus": f"ringing in {side.marker}"},
    )
    side.ids |= {
        "unrouted": str(unrouted.pk),
        "past_call": str(past.call.pk),
        "recording": str(recording.pk),
        "recording_sid": recording.sid,
        "event": str(event),
    }


class _Talk:
    """A room, told of by events as Twilio tells them."""

    def __init__(self, side: Side, room: Conference, leg: CallLeg, request: UUID) -> None:
        self.side, self.room, self.leg, self.request = side, room, leg, request
        self.call: CallLog
        self.contact_leg: CallLeg
        self._sequence = 0

    def hear(self, kind: str, name: str, leg: CallLeg | None = None, **more: Any) -> None:
        self._sequence += 1
        heard = Heard(
            kind=kind,
            name=name,
            at=timezone.now(),
            payload={"Said": f"{self._sequence} {self.side.marker} {self.room.pk.hex}"},
            sequence=self._sequence,
            call_sid=(leg.call_sid or "") if leg else "",
            conference_sid="CF" + self.room.pk.hex,
            **more,
        )
        progress.hear(
            self.room.tenant_id, heard, room_id=self.room.pk, leg_id=leg.pk if leg else None
        )

    def dial(self, contact: str, ours: str, theirs: str) -> None:
        with tenant_transaction(self.room.tenant_id):
            self.call = CallLog.objects.create(
                user_id=self.room.agent_id,
                contact_id=contact,
                conference=self.room,
                direction=CallLog.Direction.OUTBOUND,
                from_number=ours,
                to_number=theirs,
                started_at=timezone.now(),
                is_recorded=True,
            )
            self.contact_leg = CallLeg.objects.create(conference=self.room, party="contact")
            progress.bind_sid(self.contact_leg, _sid("CA"))
        self.hear(states.CALL, "in-progress", self.contact_leg)
        self.hear(states.CONFERENCE, "participant-join", self.contact_leg)

    def first_event(self) -> int:
        with tenant_transaction(self.room.tenant_id):
            return int(self.room.events.earliest("id").pk)


def _room(side: Side, account: TwilioAccount, who: str) -> _Talk:
    request = uuid.uuid4()
    room, leg = admitted(side.members[who], account, request, _sid("CA"))
    talk = _Talk(side, room, leg, request)
    talk.hear(states.CALL, "in-progress", leg)
    talk.hear(states.CONFERENCE, "participant-join", leg)
    return talk


# --- who asks --------------------------------------------------------------------------------


def _session(user: User) -> str:
    """The name of a session in another browser, as the person's account page says it."""
    return elsewhere.name_of(user, _cookie(user))


def _cookie(user: User, *, picks: Side | None = None) -> str:
    client = Client()
    client.force_login(user)
    if picks is not None:
        client.post("/admin/workspace/", {"workspace": str(picks.tenant.pk)})
        assert picks.marker in client.get("/admin/").content.decode()
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@cache
def _handler(enforces_csrf_checks: bool) -> ClientHandler:
    """The middleware of all clients: each would make its own with its only request."""
    return ClientHandler(enforces_csrf_checks)


def client_of(world: World, actor: str, *, enforce_csrf_checks: bool = False) -> Client:
    client = Client(raise_request_exception=False)
    client.handler = _handler(enforce_csrf_checks)
    if cookie := world.cookies[actor]:
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    return client


# --- every row, and what of it is whose ------------------------------------------------------


@contextmanager
def everything_visible() -> Iterator[None]:
    """Past row-level security, and back to the role that was; whatever transaction is open."""
    if not settings.DATABASE_OWNER:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW role")
        before = cursor.fetchone()[0]
        cursor.execute("SET ROLE NONE")
        try:
            yield
        finally:
            quoted = before if before == "none" else connection.ops.quote_name(before)
            cursor.execute(f"SET ROLE {quoted}")


def snapshot() -> Snapshot:
    """Every row of every table, as text, with its tenant's id."""
    found: dict[str, set[Row]] = {table: set() for table in _tables()}
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute(_everything(connection.vendor))
        for table, whose, text in cursor:
            found[table].add((None if whose is None else UUID(whose), text))
    return {table: frozenset(rows) for table, rows in found.items()}


@cache
def _tables() -> dict[str, list[str]]:
    """Each table with its columns, but for what changes by itself."""
    return {
        model._meta.db_table: [
            field.column
            for field in model._meta.local_concrete_fields
            if (model._meta.db_table, field.column) not in VOLATILE_COLUMNS
        ]
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table not in VOLATILE_TABLES
    }


@cache
def _everything(vendor: str) -> str:
    """One statement for all of it: there are hundreds of snapshots."""
    as_text = "jsonb_build_array({})::text" if vendor == "postgresql" else "json_array({})"
    selects = []
    for table, columns in _tables().items():
        quoted = ", ".join(connection.ops.quote_name(column) for column in columns)
        whose = "CAST(tenant_id AS text)" if "tenant_id" in columns else "CAST(NULL AS text)"
        selects.append(
            f"SELECT '{table}', {whose}, {as_text.format(quoted)}"
            f" FROM {connection.ops.quote_name(table)}"
        )
    return " UNION ALL ".join(selects)


def changes(before: Snapshot, after: Snapshot) -> set[tuple[str, Any]]:
    """(table, whose) of all rows that were made, changed or removed."""
    return {
        (table, whose)
        for table in after
        for whose, _ in before.get(table, frozenset()) ^ after[table]
    }


def texts(value: Any) -> Iterator[str]:
    """Every text in a column's value; of JSON, each of its leaves."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str | UUID):
        yield str(value)


def _collect_canaries(world: World) -> None:
    """Whatever text, number or id stands in the rows of one workspace alone."""
    words: dict[str, set[str]] = {slug: set() for slug in world.sides}
    by_id = {side.tenant.pk: slug for slug, side in world.sides.items()}
    with everything_visible():
        for model in tenant_models():
            for row in model.unscoped.values():  # every row: nothing filters it
                for value in row.values():
                    words[by_id[row["tenant_id"]]] |= {text.lower() for text in texts(value)}
        for slug, side in world.sides.items():
            words[slug].discard(str(side.members["gone"].user_id))
            people = User.objects.filter(
                pk__in=[m.user_id for name, m in side.members.items() if name != "gone"]
            )
            rows = [*people.values(), *Tenant.objects.filter(pk=side.tenant.pk).values()]
            words[slug] |= {text.lower() for row in rows for v in row.values() for text in texts(v)}
    for slug, side in world.sides.items():
        elsewhere = set().union(*(words[other] for other in words if other != slug))
        own = {word for word in words[slug] - elsewhere if len(word) > 7 and word != slug}
        numbers = {re.sub(r"\D", "", w) for w in own if re.fullmatch(r"\+?\d{9,15}", w)}
        side.digits = frozenset(number[-10:] for number in numbers)
        ids = {word.replace("-", "") for word in own if re.fullmatch(r"[0-9a-f-]{36}", word)}
        passwords = {word for word in own if word.startswith(("pbkdf2", "argon2", "md5$"))}
        side.canaries = frozenset((own - passwords) | ids | {side.marker})
