"""Script in every stored text: none of it runs, none of it becomes markup, on any page.

Every text column that a person, an import, Twilio or the admin can write is filled with payloads.
Chromium then opens the pages; those of single objects it also parses without opening each.
"""

import contextlib
import html
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.utils import timezone
from playwright.sync_api import Error, Page, Route, expect

from calls.models import (
    BlockedCaller,
    CallEvent,
    CallLeg,
    CallLog,
    Conference,
    Group,
    Line,
    Menu,
    PhoneNumber,
    PossibleContact,
    Recording,
    Sound,
    StoppedCall,
    UnroutedEvent,
    VoicemailBox,
)
from contacts.models import Contact, ContactImport, ContactImportPart, ContactNumber
from contacts.services import reindex
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tenants.people.services import add_member
from voip_crm.tests.cast import PASSWORD, Cast
from voip_crm.tests.test_pages_in_browser import forget_session

RUN = "window.__pwned=1"
# What makes an element carries data-pwn; what runs sets window.__pwned. The short ones also fit
# into the short columns, where the longer ones are cut off.
PAYLOADS = [
    "<b data-pwn>",
    "'\"><b data-pwn>",
    f"<script data-pwn>{RUN}</script>",
    f"</script><script data-pwn>{RUN}</script>",
    f"<img data-pwn src=x onerror={RUN}>",
    f'"><img data-pwn src=x onerror={RUN}>',
    f"'><img data-pwn src=x onerror={RUN}>",
    f"<svg data-pwn onload={RUN}>",
    f"<svg data-pwn><script>{RUN}</script>",
    f"<body data-pwn onload={RUN}>",
    f"<details data-pwn open ontoggle={RUN}>",
    f"<input data-pwn autofocus onfocus={RUN}>",
    f"<video data-pwn><source onerror={RUN}>",
    f"<audio data-pwn src=x onerror={RUN}>",
    f"<marquee data-pwn onstart={RUN}>",
    f"<iframe data-pwn srcdoc='<script>parent.{RUN}</script>'>",
    f"<iframe data-pwn src=javascript:parent.{RUN}>",
    f"<object data-pwn data=javascript:{RUN}>",
    f"<embed data-pwn src=javascript:{RUN}>",
    f"<a data-pwn href=javascript:{RUN}>x</a>",
    f"<math data-pwn href=javascript:{RUN}>x",
    f"<form data-pwn action=javascript:{RUN}><button>x",
    f"<button data-pwn formaction=javascript:{RUN}>x",
    "<base data-pwn href=//evil.example/>",
    "<link data-pwn rel=stylesheet href=//evil.example/x.css>",
    "<meta data-pwn http-equiv=refresh content='0;url=//evil.example'>",
    f"<meta data-pwn http-equiv=refresh content='0;javascript:{RUN}'>",
    "<style data-pwn>@import '//evil.example/x.css'</style>",
    f"<template data-pwn><script>{RUN}</script></template>",
    f'" onmouseover="{RUN}" data-pwn="',
    f"' onmouseover='{RUN}' data-pwn='",
    f" onmouseover={RUN} data-pwn ",
    f'" autofocus onfocus="{RUN}" data-pwn="',
    '" hx-get="/sign-out" hx-trigger="load" data-pwn="',
    f"<p data-pwn hx-on:htmx:load='{RUN}'>",
    f"<p data-pwn hx-on--load='{RUN}'>",
    "<p data-pwn hx-get=//evil.example hx-trigger=load>",
    f"<p data-pwn hx-trigger='load[{RUN}]' hx-get=/>",
    f"<p data-pwn hx-vals='js:{{x:{RUN}}}'>",
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}//",
    f"\tjavascript:{RUN}",
    f"data:text/html,<script data-pwn>{RUN}</script>",
    f"vbscript:{RUN}",
    "//evil.example/x",
    f"</textarea><script data-pwn>{RUN}</script>",
    f"</title><script data-pwn>{RUN}</script>",
    f"</style><script data-pwn>{RUN}</script>",
    f"</option></select><img data-pwn src=x onerror={RUN}>",
    f"</noscript><img data-pwn src=x onerror={RUN}>",
    f"</template><img data-pwn src=x onerror={RUN}>",
    f"--><img data-pwn src=x onerror={RUN}><!--",
    f"]]><img data-pwn src=x onerror={RUN}>",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    "{% load static %}{{ request.user.password }}{{ 7|add:7 }}",
    f"${{{RUN}}}",
    f"';{RUN};//",
    f'";{RUN};//',
    f"\\';{RUN};//",
    f"\u2028{RUN}\u2029",
    f"&lt;img data-pwn src=x onerror={RUN}&gt;",
    f"&#60;img data-pwn src=x onerror={RUN}&#62;",
    f"\\u003cimg data-pwn src=x onerror={RUN}\\u003e",
    f"\uff1cscript data-pwn\uff1e{RUN}\uff1c/script\uff1e",
    f"<scr<script>ipt data-pwn>{RUN}</scr</script>ipt>",
    f"<<script data-pwn>{RUN}//<</script>",
    f"<img data-pwn src=x onerror={RUN} //",
]

PLACES = "a kind of block with its id, or a number"

# Text columns that are not filled, and why nobody can put a payload there.
SAFE = {
    "tenants.Tenant": {
        "slug": "letters and hyphens",
        "country": "two letters",
        "time_zone": "a known name",
    },
    "tenants.User": {"password": "a hash"},
    "tenants.Membership": {"role": "a fixed word", "closed_notice": "never shown"},
    "tenants.Session": {"session_key": "never shown", "session_data": "of fixed words, shown"},
    "contacts.ContactNumber": {"number": "E.164 by a check constraint"},
    "contacts.ContactToken": dict.fromkeys(["token", "sort_name"], "never shown"),
    "contacts.Contact": {"sort_name": "never shown", "folded_email": "never shown"},
    "contacts.ContactImport": {"stage": "a fixed word", "shape": "a digest"},
    "contacts.ContactImportPart": {"rows": "see imports_of", "done": "see imports_of"},
    "calls.Conference": {"account_sid": "of our account", "conference_sid": "a checked SID"},
    "calls.CallLog": {
        "direction": "a fixed word",
        "submission": "a fixed word",
        "missed": "a fixed word",
    },
    "calls.CallLeg": {"party": "a fixed word"},
    "calls.CallEvent": {"key": "a digest"},
    "calls.Recording": {"state": "a fixed word", "sha256": "a digest", "path": "made of our ids"},
    "calls.OwnAccount": {
        **dict.fromkeys(["sid", "api_key_sid", "twiml_app_sid"], "checked SIDs"),
        **dict.fromkeys(["auth_token", "previous_auth_token", "api_key_secret"], "never shown"),
    },
    "calls.NumberOrder": {
        "account_sid": "of our account",
        "number": "E.164, checked",
        "label": "shown once it is a number's",
    },
    "calls.PhoneNumber": {"account_sid": "of our account"},
    "calls.CallingPolicy": {"countries": "known codes"},
    "calls.CallingCeiling": {"refused_countries": "known codes", "currency": "three letters"},
    "calls.StoppedCall": {"rule": "a fixed word"},
    "calls.Sound": {"path": "made of our ids", "content_type": "a fixed word"},
    "calls.Menu": dict.fromkeys(["keys", "no_key", "wrong_key"], PLACES),
    "calls.Group": {
        "strategy": "a fixed word",
        **dict.fromkeys(["unanswered", "nobody", "full"], PLACES),
    },
    "calls.Line": {
        "hours": "dates and minutes; see lines_of for the names of days",
        "language": "a known code",
        **dict.fromkeys(["when_open", "when_closed"], PLACES),
    },
    "calls.Caller": {"place": PLACES, "wish": "a fixed word"},
    "calls.Offer": {"end": "a fixed word"},
    "calls.AgentAvailability": {"availability": "a fixed word"},
    "calls.PushSubscription": {
        "session": "of our store",
        **dict.fromkeys(["endpoint", "p256dh", "auth"], "checked at the door, and never shown"),
    },
    "calls.OwnPhone": {"number": "E.164", "wanted": "E.164", "code": "a digest"},
    "calls.CodeCall": {"number": "never shown"},
    "calls.PhoneRing": {"number": "never shown", "call_sid": "a checked SID"},
}

# What payloads have become in a document: nothing, if all is well.
FIND = """(root) => {
  const found = [];
  if (window.__pwned) found.push("it ran");
  for (const element of root.querySelectorAll("*")) {
    const tag = () => element.cloneNode(false).outerHTML.slice(0, 200);
    const tell = (what) => found.push(`${what} ${tag()}`);
    if (/pwn/i.test(element.localName)) tell("element");
    if (/^(base|iframe|object|embed)$/.test(element.localName)) tell("element");
    if (/^(script|style)$/.test(element.localName) && /pwn/i.test(element.textContent)
        && element.type !== "application/json") tell("text of");
    for (const { name, value } of element.attributes) {
      if (/pwn/i.test(name) || /^on|^hx-on/i.test(name)) tell(`attribute ${name} of`);
      if (/^(href|src|action|formaction|data|srcdoc|poster|xlink:href|data-play)$/i.test(name)
          && /^\\s*(javascript|vbscript|data:text|(https?:)?\\/\\/evil)/i.test(value)) {
        tell("address");
      }
    }
  }
  return found;
}"""
FIND_HERE = f"() => ({FIND})(document)"
# Fetch each address and parse it as a document, and as htmx does, into a template.
FIND_THERE = f"""async ([addresses, headers]) => {{
  const find = {FIND}, found = [];
  for (const address of addresses) {{
    const answer = await fetch(address, {{ headers }});
    const text = await answer.text();
    if (answer.status !== 200) found.push(`${{address}}: ${{answer.status}}`);
    if (answer.headers.get("X-Content-Type-Options") !== "nosniff") found.push(address);
    if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) continue;
    const template = document.createElement("template");
    template.innerHTML = text;
    for (const root of [new DOMParser().parseFromString(text, "text/html"), template.content]) {{
      found.push(...find(root).map((what) => `${{address}}: ${{what}}`));
    }}
  }}
  return found;
}}"""


def text_columns(model: Any) -> list[Any]:
    texts = (models.CharField, models.TextField, models.JSONField)
    label = f"{model._meta.app_label}.{model.__name__}"
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, texts) and field.name not in SAFE.get(label, {})
    ]


def imports_of(cast: Cast) -> None:
    """For each payload a file that is looked at, one that is in and one that cannot be read."""
    stages = ContactImport.Stage
    files = []
    for stage in (stages.READY, stages.DONE, stages.UNREADABLE):
        for payload in PAYLOADS:
            told = {"line": 1, "reason": payload, "name": payload, "with": payload}
            about = {"company": payload, "email": payload, "became": payload}
            numbers = [{"number": payload, "label": payload}]
            counts = {"added": 1, "completed": 0, "unchanged": 0, "skipped": 1}
            first = [told | about | {"numbers": numbers, "reason": ""}, told | {"name": ""}]
            lists = {"first": first, "skipped": [told], "sharing": [told]}
            files.append(
                ContactImport(
                    tenant=cast.acme,
                    stage=stage,
                    rows=2,
                    names=[payload, payload],
                    meanings=["name", ""],
                    finished_at=timezone.now(),
                    preview={"counts": counts, "looked_at": 1, "more_sharing": 0} | lists,
                )
            )
    ContactImport.objects.bulk_create(files)
    fill(files, but=("names", "meanings", "preview"))
    for file in files:
        payload = file.names[0]
        rows = [[1, file.names, ""], [2, [payload, payload], ""], [3, [payload, "x"], ""]]
        done = {"rows": [["added", str(uuid.uuid4()), payload], ["skipped", "", payload]]}
        ContactImportPart.objects.create(
            tenant=cast.acme,
            file=file,
            position=0,
            rows=json.dumps(rows),
            done=json.dumps(done),
            has_reasons=True,
        )


def fill(rows: list[Any], *, but: tuple[str, ...] = ()) -> None:
    """Write a payload, another one in each row and column, into every text column of the rows."""
    model = type(rows[0])
    columns = [column for column in text_columns(model) if column.name not in but]
    unique = {name for one in model._meta.total_unique_constraints for name in one.fields}
    for serial, row in enumerate(rows):
        for shift, column in enumerate(columns):
            payload = PAYLOADS[(serial + 7 * shift) % len(PAYLOADS)]
            value: Any = payload[: column.max_length]
            if column.name in unique:
                value = f"{serial}{payload}"[: column.max_length]
            if isinstance(column, models.JSONField):
                value = {payload: [payload, {"x": payload}]}
            setattr(row, column.attname, value)
    model._base_manager.bulk_update(rows, [column.name for column in columns])


def lines_of(cast: Cast) -> None:
    """A line of each number, and blocks, with payloads in whatever is said and shown."""
    rows = [
        [model(name=f"{serial}") for serial in range(len(PAYLOADS))]
        for model in (VoicemailBox, Menu, Group)
    ]
    rows.append(
        [
            Sound(name="x", path=f"{serial}", content_type="audio/wav", size=1)
            for serial in range(len(PAYLOADS))
        ]
    )
    rows.append([BlockedCaller(number=f"+1415555{serial:04}") for serial in range(len(PAYLOADS))])
    rows.append(
        [
            Line(
                number=number,
                hours={
                    "zone": "Europe/Berlin",
                    "closed": [["2026-12-24", "2026-12-26", payload]],
                    "openings": [["2026-12-24", [[600, 720]], payload]],
                },
            )
            for number, payload in zip(
                PhoneNumber.objects.filter(line=None), PAYLOADS, strict=False
            )
        ]
    )
    for these in rows:
        type(these[0]).objects.bulk_create(these)
        fill(these, but=("hours", "keys", "strategy"))


def build_calls(cast: Cast, contacts: list[Contact]) -> None:
    now = timezone.now()
    # Bob's: the sweep may look at them while Alice calls, who would then be in too many calls.
    rooms = [
        Conference(agent=cast.bob.user, client_request_id=uuid.uuid4(), closed_at=now)
        for _ in contacts
    ]
    Conference.objects.bulk_create(rooms)
    calls, legs, events, recordings = [], [], [], []
    for serial, (room, contact) in enumerate(zip(rooms, contacts, strict=True)):
        call = CallLog(
            user=cast.alice.user if serial % 2 else cast.bob.user,
            contact=contact if serial % 3 else None,
            meant=0 if serial % 3 else 2,
            conference=room,
            direction="INBOUND" if serial % 2 else "OUTBOUND",
            started_at=now - timedelta(minutes=serial),
            ended_at=now,
        )
        leg = CallLeg(conference=room, party="contact")
        calls.append(call)
        legs.append(leg)
        events += [CallEvent(conference=room, leg=leg, key=f"{serial}", at=now)]
        state = Recording.State.values[serial % 5]
        recordings.append(Recording(call=call, sid=f"{serial}", state=state))
    CallLog.objects.bulk_create(calls)
    PossibleContact.objects.bulk_create(
        PossibleContact(call=call, contact=contact)
        for call in calls
        if call.is_in_doubt
        for contact in contacts[:2]
    )
    CallLeg.objects.bulk_create(legs)
    CallEvent.objects.bulk_create(events)
    Recording.objects.bulk_create(recordings)
    fill(calls)
    fill(legs)
    fill(events)
    fill(recordings)


@pytest.fixture
def poisoned(committed_cast: Cast) -> Cast:
    """Acme, with a payload in every text that anybody can write, and a superuser."""
    cast = committed_cast
    people = [
        add_member(cast.acme, email=f"p{serial}@acme.example", role=Role.AGENT)[0].user
        for serial in range(len(PAYLOADS))
    ]
    fill(people)
    User.objects.filter(pk=cast.alice.user_id).update(name=PAYLOADS[5])
    User.objects.create_superuser("root@example.com", PASSWORD, name=PAYLOADS[6])
    with tenant_transaction(cast.acme.pk):
        contacts = [Contact(tenant=cast.acme, name="x") for _ in PAYLOADS]
        Contact.objects.bulk_create(contacts)
        numbers = [
            ContactNumber(contact=contact, number=f"+1415555{serial:02}{place}0", position=place)
            for serial, contact in enumerate(contacts)
            for place in range(3)
        ]
        ContactNumber.objects.bulk_create(numbers)
        fill(contacts)
        fill(numbers)
        for contact in contacts:
            contact.save()
            reindex(contact)
        imports_of(cast)
        build_calls(cast, contacts)
        ours = [PhoneNumber(account_sid=f"AC{n}", number=f"{n}") for n in range(len(PAYLOADS))]
        PhoneNumber.objects.bulk_create(ours)
        fill(ours)
        lines_of(cast)
        now = timezone.now()
        stopped = [
            StoppedCall(user=person, rule=f"r{n}"[:24], hour=now, last_at=now, message="x")
            for n, person in enumerate(people)
        ]
        StoppedCall.objects.bulk_create(stopped)
        fill(stopped)
        unrouted = [
            UnroutedEvent(key=f"{n}", named_tenant=cast.acme.pk, payload={})
            for n in range(len(PAYLOADS))
        ]
        UnroutedEvent.objects.bulk_create(unrouted)
        fill(unrouted)
        for serial, payload in enumerate(PAYLOADS):
            other = PAYLOADS[-serial]
            AuditEntry.objects.create(
                action=payload[:40],
                name=other,
                object_type=payload[:40],
                object_id=other[:64],
                object_label=payload,
                details={payload: [other, payload]},
            )
    fill([cast.acme])
    return cast


def test_no_text_column_is_forgotten() -> None:
    """A new column is filled above, or stands among the safe ones with its reason."""
    filled = {
        *(
            Tenant,
            User,
            Contact,
            ContactNumber,
            ContactImport,
            CallLog,
            CallLeg,
            CallEvent,
            Recording,
        ),
        *(PhoneNumber, AuditEntry, StoppedCall, UnroutedEvent),
        *(Sound, VoicemailBox, Menu, Group, Line, BlockedCaller),
    }
    ours = [apps.get_app_config(label) for label in ("tenants", "contacts", "calls")]
    for model in (model for app in ours for model in app.get_models()):
        left = {column.name for column in text_columns(model)} if model not in filled else set()
        assert not left, (model, left)
    assert len(PAYLOADS) >= 60


@pytest.fixture
def dialogs() -> list[str]:
    return []


@pytest.fixture
def alice(open_page: Callable[..., Page], poisoned: Cast, dialogs: list[str]) -> Iterator[Page]:
    page = open_page()

    def note(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.goto("/sign-in")
    page.get_by_label("Email").fill("alice@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#history_rows > tr").first).to_be_visible()
    yield page


def open_every(page: Page, more: str, most: int = 4) -> None:
    """Press “Show more” until there is no more."""
    for _ in range(most):
        link = page.locator(f"#{more}")
        if not link.count() or not link.get_attribute("hx-get"):
            return
        before = link.get_attribute("hx-get")
        link.click()
        page.wait_for_function(
            "([id, before]) => document.getElementById(id)?.getAttribute('hx-get') !== before",
            arg=[more, before],
        )


@pytest.mark.allow_console("status of (409|422)")
def test_no_stored_text_runs_or_becomes_markup(
    alice: Page, poisoned: Cast, dialogs: list[str]
) -> None:
    page = alice
    found: list[str] = []

    def look(path: str, more: str = "") -> None:
        page.goto(path)
        if more:
            open_every(page, more)
        assert "pwn" in page.content(), f"no payload is on {path}"
        found.extend(f"{path}: {what}" for what in page.evaluate(FIND_HERE))

    look("/calls", "history_more_link")
    # News come, and rows are merged into the list that stands there.
    page.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync'))")
    page.get_by_role("combobox", name="Search contacts or enter a number").fill("pwn")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    found.extend(page.evaluate(FIND_HERE))
    look(
        "/calls?q=%3Cscript%20data-pwn%3E&status=%22%3E%3Cb%20data-pwn%3E&before=%3Cb%20data-pwn%3E"
    )
    look("/contacts", "contacts_more_link")
    look("/contacts?q=%22%3E%3Cb%20data-pwn%3E")
    look("/settings/members")
    look("/settings/caller-ids")
    look("/settings/numbers")
    look("/settings/numbers/search?country=%3Cb%20data-pwn%3E&digits=%22%3E%3Cb%20data-pwn%3E")
    look("/settings/calling-limits")
    look("/settings/blocked-callers")
    look("/settings/lines")
    look("/settings/audit-trail", "trail_more_link")
    look("/settings/audit-trail?person=%3Cb%20data-pwn%3E&day=%22%3E%3Cb%20data-pwn%3E")
    look("/settings")
    with tenant_transaction(poisoned.acme.pk):
        contacts = list(Contact.objects.values_list("pk", flat=True))
        calls = list(CallLog.objects.values_list("pk", flat=True))
        files = list(ContactImport.objects.values_list("pk", flat=True))
        # Each names all blocks, with a payload each, wherever a call can go.
        some = Line.objects.values_list("pk", flat=True)[::3]
        lines = [f"/settings/lines/{pk}" for pk in some]
        blocks = [
            f"/settings/lines/{kind}/{pk.hex}"
            for kind, model in (("group", Group), ("menu", Menu), ("voicemail", VoicemailBox))
            for pk in model.objects.values_list("pk", flat=True)[::12]
        ]
        sounds = Sound.objects.values_list("pk", flat=True)
        blocks += [f"/settings/lines/sounds/{pk}" for pk in sounds]
    look("/contacts/import")
    look(f"/contacts/{contacts[5]}")
    look(f"/contacts/{contacts[6]}/edit")
    look(f"/calls/{calls[5]}")
    # What was typed comes back beside its error, and a saved name is said in a toast.
    page.goto("/contacts/new")
    page.get_by_label("Name").fill(PAYLOADS[5])
    page.get_by_label("Email").fill(PAYLOADS[4])
    page.get_by_role("button", name="Save contact").click()
    expect(page.locator("#main .field-error").first).to_be_visible()
    found.extend(page.evaluate(FIND_HERE))
    page.get_by_label("Email").fill("")
    page.get_by_label("Number", exact=True).fill("+14155550100")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_text("was added.")).to_be_visible()
    found.extend(page.evaluate(FIND_HERE))
    # The panel of a call names whom it is with.
    page.locator("#main").get_by_role("button", name="Call").first.click()
    expect(page.locator("[data-call-state=active]")).to_be_visible()
    expect(page.locator("#dock [data-dialled=name]")).to_have_text(PAYLOADS[5])
    found.extend(page.evaluate(FIND_HERE))
    page.locator("#call_end").click()
    expect(page.locator("[data-dock=close]")).to_be_visible()
    there = [f"/contacts/{pk}" for pk in contacts] + [f"/calls/{pk}" for pk in calls]
    there += [f"/contacts/{pk}/edit" for pk in contacts[::4]]
    there += [f"/contacts/imports/{pk}" for pk in files]
    there += [*lines, *(f"{path}/edit" for path in lines[::7]), *blocks]
    there += ["/api/docs", "/api/twilio/call-logs?limit=100", "/contacts/suggest?q=pwn"]
    found.extend(page.evaluate(FIND_THERE, [there, {}]))
    # The parts of pages that htmx alone asks for.
    parts = ["/calls", *(f"/contacts/{pk}" for pk in contacts[::10])]
    htmx = {"HX-Request": "true", "HX-Target": "history"}
    found.extend(page.evaluate(FIND_THERE, [parts, htmx]))
    assert found == [] and dialogs == []


def test_no_stored_text_runs_in_the_admin(alice: Page, dialogs: list[str]) -> None:
    page = alice
    found: list[str] = []
    forget_session(page)
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Email").fill("root@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("[name=workspace]").select_option(index=0)
    page.get_by_role("button", name="Look into it").click()
    expect(page.locator("#content")).to_be_visible()
    there: list[str] = []
    for table in (
        *("tenants/tenant", "tenants/user", "tenants/membership", "contacts/contact"),
        *("calls/phonenumber", "calls/calllog", "calls/callleg", "calls/callevent"),
        *("calls/recording", "calls/stoppedcall", "calls/unroutedevent"),
    ):
        page.goto(f"/admin/{table}/?q=")
        expect(page.locator("#changelist")).to_be_visible()
        found.extend(f"{table}: {what}" for what in page.evaluate(FIND_HERE))
        rows = page.locator("#result_list tbody th a")
        links = rows.evaluate_all("links => links.map(link => link.pathname)")
        page.goto(links[0])
        found.extend(f"{table}: {what}" for what in page.evaluate(FIND_HERE))
        there += links[1:8]
    found.extend(page.evaluate(FIND_THERE, [there, {}]))
    assert found == [] and dialogs == []


@pytest.mark.allow_console("")  # whatever the payloads that run complain of
def test_one_unsafe_rendering_would_be_found(alice: Page) -> None:
    """The control: the same list with its escapes taken away, with the policy and without."""
    page = alice
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    def found(*, with_policy: bool) -> list[str]:
        def unescape(route: Route) -> None:
            answer = route.fetch()
            headers = dict(answer.headers)
            if not with_policy:
                del headers["content-security-policy"]
            route.fulfill(response=answer, body=html.unescape(answer.text()), headers=headers)

        said.clear()
        page.unroute_all()
        page.route("**/contacts", unescape)
        page.goto("/contacts", wait_until="commit")
        seen: set[str] = set()
        for _ in range(100):  # it is parsed piece by piece, and a payload may lead elsewhere then
            with contextlib.suppress(Error):
                seen |= set(page.evaluate(FIND_HERE))
            blocked = any("Content Security Policy" in line for line in said)
            marked = any(what.startswith("attribute data-pwn") for what in seen)
            if (blocked and marked) if with_policy else "it ran" in seen:
                break
            page.wait_for_timeout(100)
        return sorted(seen)

    kept = found(with_policy=True)
    assert [what for what in kept if what.startswith("attribute data-pwn")]
    assert "it ran" not in kept and [line for line in said if "Content Security Policy" in line]
    assert "it ran" in found(with_policy=False), "the policy is what kept it from running"
