"""The demo: two workspaces with people, numbers, contacts and some weeks of past calls.

The calls are made by feeding events through the fold, so that they are true to the model. The
contacts' numbers are those of the sandbox's pretend handsets, which go by the last three digits.
Some calls were recorded (`demo_sounds/`): they lasted as long as what is heard of them.
"""

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils import timezone

from calls.facts import limits, states
from calls.models import CallLeg, CallLog, Conference, PhoneNumber
from calls.services import guarding
from calls.services.rooms import progress
from calls.services.rooms.progress import Heard
from contacts.models import Contact
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role, Tenant, User
from tenants.people.services import add_member, create_tenant
from voip_crm import demo_callers, demo_lines, demo_sounds

# Printed by ./run; the demo holds nobody's data.
PASSWORD = "call-me-maybe-24"  # nosec B105  # pragma: allowlist secret
PEOPLE = [
    ("alice@acme.example", "Alice Ames, admin of Acme"),
    ("bob@acme.example", "Bob Baker, agent of Acme"),
    ("charlie@borealis.example", "Charlie Cole, agent of Borealis"),
]
# (number, label) of ours, by workspace.
NUMBERS = {
    "acme": [("+14155550199", "Acme main line")],
    "borealis": [("+442079460199", "Borealis London")],
}
# Of the sandbox's account, too, for workspaces that are made beside the demo.
FREE_NUMBERS = ["+14155550188", "+14155550189", "+442079460188", "+4930231250188", "+33199006188"]
NOTICE = "Demo: no real phone rings."
_NAMESPACE = UUID("6f0b6a52-2d3b-4c39-9c15-0d8f0c1f7e55")


@dataclass(frozen=True)
class _Person:
    name: str
    company: str
    email: str
    number: str


_ACME = [
    _Person("Maria Gonzalez", "Sunrise Foods", "maria@sunrise.example", "+14155550100"),
    _Person("Ethan Wright", "Echo Valley Farms", "ethan@echovalley.example", "+14155550101"),
    _Person("Busy Bill Burke", "Burke & Sons", "bill@burke.example", "+14155550102"),
    _Person("Noor Haddad", "Haddad Imports", "noor@haddad.example", "+12125550103"),
    _Person("Rejean Tremblay", "Tremblay Bois", "rejean@tremblay.example", "+15145550104"),
    _Person("Hannah Schmidt", "Schmidt Optik", "hannah@schmidt.example", "+4930231250105"),
    _Person("Zoë Müller", "Müller & Töchter", "zoe@mueller.example", "+4930231250100"),
    _Person("Olivia Clarke", "Clarke Logistics", "olivia@clarke.example", "+442079460100"),
    _Person("Pierre Dubois", "Atelier Dubois", "pierre@dubois.example", "+33199006100"),
    _Person("Yuki Tanaka", "Tanaka Robotics", "yuki@tanaka.example", "+81355550100"),
    _Person("Liam O'Connor", "Harbour Coffee", "liam@harbour.example", "+61255501100"),
    _Person("Ana Souza", "Souza Design", "ana@souza.example", "+5511955550100"),
]
_BOREALIS = [
    _Person("Ingrid Nilsen", "Fjord Energi", "ingrid@fjord.example", "+4722555100"),
    _Person("George Whitfield", "Whitfield Legal", "george@whitfield.example", "+442079460100"),
    _Person("Amelia Hart", "Hart Interiors", "amelia@hart.example", "+442079460101"),
    _Person("Oskar Lindqvist", "Norrsken AB", "oskar@norrsken.example", "+46855550102"),
    _Person("Sofia Rossi", "Rossi Tessuti", "sofia@rossi.example", "+390655550103"),
    _Person("Maria Gonzalez", "Gonzalez Vinos", "maria@vinos.example", "+34915550105"),
]


@transaction.atomic
def load() -> None:
    """Create the demo. Raises when a workspace of its name exists."""
    acme = create_tenant(
        name="Acme",
        slug="acme",
        country="US",
        time_zone="America/Los_Angeles",
        records_calls=True,
        notice=NOTICE,
    )
    borealis = create_tenant(
        name="Borealis",
        slug="borealis",
        country="GB",
        time_zone="Europe/London",
        records_calls=True,
        notice=NOTICE,
    )
    with tenant_transaction(acme.pk):
        # One of its contacts is there, beyond what a new workspace may call.
        guarding.save_policy({"countries": sorted({*limits.COUNTRIES, "BR"})})
    alice = _member(acme, 0, Role.ADMIN)
    bob = _member(acme, 1, Role.AGENT)
    charlie = _member(borealis, 2, Role.AGENT)
    _may_use_admin(alice.user)
    _fill(acme, _ACME, [alice, bob], past_calls=64)
    _fill(borealis, _BOREALIS, [charlie], past_calls=23)
    for tenant in (acme, borealis):
        demo_lines.lay(tenant)
    demo_lines.furnish(acme, [alice, bob])
    demo_callers.came_in(acme, [alice, bob])
    demo_callers.came_in(borealis, [charlie])


def load_if_empty() -> bool:
    """Create the demo only where there is no workspace at all; whether it did."""
    if Tenant.objects.exists():
        return False
    load()
    return True


def _member(tenant: Tenant, person: int, role: str) -> Membership:
    email, description = PEOPLE[person]
    membership, _ = add_member(
        tenant, email=email, role=role, name=description.partition(",")[0], password=PASSWORD
    )
    return membership


def _may_use_admin(user: User) -> None:
    """Contacts and calls of her own workspace; the admin never shows another's."""
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="contacts").exclude(
            content_type__model="contacttoken"
        )
        | Permission.objects.filter(content_type__app_label="calls", codename__startswith="view_")
    )


def _fill(
    tenant: Tenant, people: list[_Person], agents: list[Membership], *, past_calls: int
) -> None:
    with tenant_transaction(tenant.pk):
        for position, (number, label) in enumerate(NUMBERS[tenant.slug]):
            PhoneNumber.objects.create(
                tenant=tenant,
                number=number,
                label=label,
                account_sid=settings.TWILIO_ACCOUNT_SID,
                twilio_sid=number_sid(number),
                is_default=position == 0,
            )
        contacts = [
            create_contact(
                tenant,
                name=person.name,
                company=person.company,
                email=person.email,
                numbers=[(person.number, "work")],
            )
            for person in people
        ]
        # Seeded, so that every demo looks the same.
        chance = random.Random(tenant.slug)  # nosec B311
        now = timezone.now()
        for serial in range(past_calls):
            _past_call(tenant, chance, contacts, agents, now, serial)


def _past_call(
    tenant: Tenant,
    chance: random.Random,
    contacts: list[Contact],
    agents: list[Membership],
    now: datetime,
    serial: int,
) -> None:
    contact = chance.choice(contacts)
    agent = chance.choice(agents)
    sound = None
    if talk := demo_sounds.talk_of(tenant.slug, serial):
        sound = talk.sound
        agent = next(one for one in agents if str(one.user) == talk.agent)
        contact = next(one for one in contacts if one.name == talk.contact)
    number = contact.numbers.all()[0].number
    day = now - timedelta(days=1 + serial // 3)
    start = day.replace(hour=chance.randrange(15, 23), minute=chance.randrange(60), second=0)
    start += timedelta(seconds=chance.randrange(60), microseconds=serial)
    room = Conference.objects.create(
        tenant=tenant,
        agent=agent.user,
        client_request_id=uuid5(_NAMESPACE, f"{tenant.slug} {serial}"),
        account_sid=settings.TWILIO_ACCOUNT_SID,
        conference_sid=_sid("CF", tenant, serial),
    )
    call = CallLog.objects.create(
        tenant=tenant,
        user=agent.user,
        contact=contact,
        conference=room,
        direction=CallLog.Direction.OUTBOUND,
        from_number=NUMBERS[tenant.slug][0][0],
        to_number=number,
        started_at=start,
        is_recorded=bool(sound),
    )
    agent_leg = CallLeg.objects.create(
        tenant=tenant,
        conference=room,
        user=agent.user,
        party=CallLeg.Party.AGENT,
        call_sid=_sid("CA", tenant, f"agent {serial}"),
    )
    contact_leg = CallLeg.objects.create(
        tenant=tenant, conference=room, party=CallLeg.Party.CONTACT
    )
    sid = _sid("CA", tenant, serial)
    events = _story(chance, sid, start, number[-3:], sound.seconds if sound else None)
    for heard in events:
        progress.hear(tenant.pk, heard, leg_id=contact_leg.pk)
    end = max(heard.at for heard in events)
    for at, kind, name in (
        (start - timedelta(seconds=1), states.CONFERENCE, "participant-join"),
        (end, states.CALL, states.COMPLETED),
    ):
        heard = Heard(
            kind, name, at, {"demo": f"{agent_leg.pk}"}, call_sid=agent_leg.call_sid or ""
        )
        progress.hear(tenant.pk, heard, leg_id=agent_leg.pk)
    if sound:
        call.refresh_from_db()
        sids = {"account_sid": room.account_sid, "sid": _sid("RE", tenant, serial)}
        demo_sounds.record(call, sound, **sids, now=end + timedelta(seconds=2))
    # As old as they are said to be: calling limits count what was made within a minute.
    for rows in (CallLog.objects.filter(pk=call.pk), CallLeg.objects.filter(conference=room)):
        rows.update(created_at=start)


def _story(
    chance: random.Random, sid: str, start: datetime, handset: str, recorded: int | None
) -> list[Heard]:
    """What Twilio would have told of a call to this handset; `recorded`: so many seconds of it."""
    ring = chance.randrange(3, 18)
    talk = recorded or (chance.randrange(18, 900) if handset != "105" else 4)
    endings = {"102": (states.BUSY, 486), "103": (states.NO_ANSWER, 487), "104": (states.BUSY, 603)}
    names: list[tuple[str, int]] = [(states.INITIATED, 0), (states.RINGING, 1)]
    if handset in endings:
        names.append((endings[handset][0], 1 + ring))
    elif not recorded and chance.random() < 0.12:
        names.append((states.NO_ANSWER, 31))
    else:
        names += [(states.IN_PROGRESS, 1 + ring), (states.COMPLETED, 1 + ring + talk)]
    answered = states.IN_PROGRESS in dict(names)
    return [
        Heard(
            states.CALL,
            name,
            start + timedelta(seconds=after),
            {"CallSid": sid, "CallStatus": name, "SequenceNumber": str(sequence)},
            sequence=sequence,
            duration=(talk if answered else 0) if name in states.TERMINAL else None,
            sip_code=endings.get(handset, ("", 200))[1] if name in states.TERMINAL else None,
            call_sid=sid,
        )
        for sequence, (name, after) in enumerate(names)
    ]


def number_sid(number: str) -> str:
    """The SID that the sandbox gives a number of the demo, the same at every start."""
    return f"PN{uuid5(NAMESPACE_URL, f'tel:{number}').hex}"


def _sid(prefix: str, tenant: Tenant, serial: object) -> str:
    digest = hashlib.sha256(f"{tenant.pk} {serial}".encode()).hexdigest()
    return prefix + digest[:32]
