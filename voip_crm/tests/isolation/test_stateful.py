"""Proof: three workspaces in use at once, by a random walk against a model of who owns what.

After each step nothing of another workspace has come anywhere, and a workspace's own lists are what
the model says. ISOLATION_EXAMPLES makes the walk longer (`docs/security.md`, “Proof”).
"""

import json
import os
import re
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, strategies
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tenants.fence.policies import TENANT_SETTING
from tenants.models import Role, User
from tenants.people.services import add_member
from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.isolation.asking import Outcome, ask
from voip_crm.tests.isolation.test_parameters import signed
from voip_crm.tests.isolation.world import AREAS, Side, World

pytestmark = pytest.mark.django_db
IN_THE_SUITE = 10
EXAMPLES = int(os.environ.get("ISOLATION_EXAMPLES", IN_THE_SUITE))
STEPS = 25
FORM = "application/x-www-form-urlencoded"
slugs, roles = strategies.sampled_from([*AREAS]), strategies.sampled_from(["admin", "supervisor"])
picks = strategies.integers(0, 1000)


class Use(RuleBasedStateMachine):
    """What people do. `contacts` by workspace: id → whether it is archived."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        cache.clear()
        self.begun = self.world.before
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        sides = self.world.sides.items()
        self.contacts = {
            slug: {side.ids["contact"]: False, side.ids["archived"]: True} for slug, side in sides
        }
        kept = ("call", "past_call", "missed_call")
        self.calls = {slug: {side.ids[name] for name in kept} for slug, side in sides}
        self.people = {slug: {m.user.email for m in side.members.values()} for slug, side in sides}
        # Addresses of others that a workspace's own admins have typed: their trail keeps them.
        self.typed: dict[str, set[str]] = {slug: set() for slug in self.world.sides}
        self.spare_is_active = dict.fromkeys(self.world.sides, True)
        self.count = 0

    def teardown(self) -> None:
        try:
            for slug in self.world.sides:
                self.assert_lists_are_as_the_model_says(slug)
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)
            self.world.before = self.begun

    # --- how it is asked ---------------------------------------------------------------------

    def side(self, slug: str) -> Side:
        return self.world.sides[slug]

    def ask(self, slug: str, who: str, method: str, path: str, **sent: Any) -> Outcome:
        return self.checked(slug, ask(self.world, f"{slug}:{who}", method, path, keep=True, **sent))

    def checked(self, slug: str, outcome: Outcome) -> Outcome:
        if connection.vendor == "postgresql":  # each request is a transaction of its own
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, '', true)", [TENANT_SETTING])
        for email in self.typed[slug]:
            outcome.heard = [(where, text.replace(email, "")) for where, text in outcome.heard]
        assert outcome.leaks(self.world, self.side(slug)) == []
        assert outcome.status < 500
        return outcome

    def post(self, slug: str, who: str, path: str, **form: Any) -> Outcome:
        return self.ask(slug, who, "POST", path, data=urlencode(form), content_type=FORM)

    def some_contact(self, slug: str, pick: int) -> str:
        known = sorted(self.contacts[slug])
        return known[pick % len(known)]

    def assert_lists_are_as_the_model_says(self, slug: str) -> None:
        for archived in (False, True):
            page = self.ask(slug, "admin", "GET", f"/contacts?archived={archived:d}").body
            shown = set(re.findall(r"/contacts/([0-9a-f-]{36})", page))
            assert shown == {pk for pk, is_out in self.contacts[slug].items() if is_out == archived}
        logs = self.ask(slug, "admin", "GET", "/api/twilio/call-logs?limit=100").body
        assert {call["id"] for call in json.loads(logs)["data"]} == self.calls[slug]
        members = self.ask(slug, "admin", "GET", "/settings/members").body
        shown = set(re.findall(r"[\w.+-]+@[\w.-]+\.(?:example|com)\b", members))
        assert shown == self.people[slug]

    # --- what is done ------------------------------------------------------------------------

    @rule(slug=slugs, who=roles)
    def create_a_contact(self, slug: str, who: str) -> None:
        self.count += 1
        name = f"Person {self.count} {self.side(slug).marker}"
        made = self.post(slug, who, "/contacts/new", name=name, number="", label="")
        assert made.status == 303
        self.contacts[slug][made.location.rpartition("/")[2]] = False

    @rule(slug=slugs, owner=slugs, who=roles, pick=picks)
    def edit_a_contact(self, slug: str, owner: str, who: str, pick: int) -> None:
        path = f"/contacts/{self.some_contact(owner, pick)}/edit"
        done = self.post(slug, who, path, name=f"Edited {self.side(slug).marker}")
        assert done.status == (303 if slug == owner else 404)

    @rule(slug=slugs, owner=slugs, who=roles, pick=picks, undo=strategies.booleans())
    def archive_a_contact(self, slug: str, owner: str, who: str, pick: int, undo: bool) -> None:
        contact = self.some_contact(owner, pick)
        path = f"/contacts/{contact}/archive"
        done = self.post(slug, who, path, **({"undo": "1"} if undo else {}))
        assert done.status == (303 if slug == owner else 404)
        if slug == owner:
            self.contacts[slug][contact] = not undo

    @rule(
        slug=slugs,
        owner=slugs,
        who=roles,
        page=strategies.sampled_from(
            ["/contacts", "/contacts/suggest", "/calls", "/api/twilio/call-logs"]
        ),
    )
    def search(self, slug: str, owner: str, who: str, page: str) -> None:
        for words in (self.side(owner).marker, self.side(owner).ids["contact_e164"], "Person"):
            assert self.ask(slug, who, "GET", f"{page}?{urlencode({'q': words})}").status == 200

    @rule(slug=slugs, owner=slugs, who=roles, pick=picks)
    def narrow_the_history(self, slug: str, owner: str, who: str, pick: int) -> None:
        asked = {"agent": self.side(owner).ids["user"], "contact": self.some_contact(owner, pick)}
        assert self.ask(slug, who, "GET", f"/calls?{urlencode(asked)}").status == 200

    @rule(slug=slugs, owner=slugs, who=roles, pick=picks)
    def look_at_a_call(self, slug: str, owner: str, who: str, pick: int) -> None:
        call = sorted(self.calls[owner])[pick % len(self.calls[owner])]
        wanted = 200 if slug == owner else 404
        assert self.ask(slug, who, "GET", f"/calls/{call}").status == wanted
        assert self.ask(slug, who, "GET", f"/api/twilio/call-logs/{call}").status == wanted
        path = f"/recordings/{self.side(owner).ids['recording']}"
        assert self.ask(slug, who, "GET", path).status == wanted

    @rule(slug=slugs, owner=slugs)
    def call_somebody(self, slug: str, owner: str) -> None:
        """The supervisor calls a contact: the browser connects, the server dials, both hang up."""
        side, request, agent_sid = self.side(slug), str(uuid.uuid4()), "CA" + uuid.uuid4().hex
        query = f"tenant={side.ids['tenant']}"

        def told(path: str, **form: str) -> str:
            heard = signed(self.world, side, f"/api/twilio/{path}", form, keep=True)
            assert self.checked(slug, heard).status in (200, 204)
            return heard.body.replace("&amp;", "&")

        twiml = told(
            f"voice-webhook?{query}",
            From=f"client:{side.members['supervisor'].identity}",
            CallSid=agent_sid,
            CallStatus="ringing",
            clientRequestId=request,
        )
        room, leg = (re.findall(rf"[?&]{name}=([0-9a-f]+)", twiml)[0] for name in ("room", "leg"))
        in_room = f"call-status?{query}&room={room}"
        told(in_room, StatusCallbackEvent="participant-join", CallSid=agent_sid, SequenceNumber="1")
        asked = {"contactId": self.side(owner).ids["contact"], "clientRequestId": request}
        dialled = self.ask(
            slug,
            "supervisor",
            "POST",
            "/api/twilio/make-call",
            data=json.dumps(asked),
            content_type="application/json",
        )
        # Who was edited has no number any more.
        assert dialled.status in ((201, 400) if slug == owner else (404,))
        if dialled.status == 201:
            self.calls[slug].add(json.loads(dialled.body)["callLogId"])
        told(in_room, StatusCallbackEvent="conference-end", SequenceNumber="2")
        told(f"call-status?{query}&leg={leg}", CallSid=agent_sid, CallStatus="completed")

    @rule(slug=slugs, other=slugs)
    def invite_somebody(self, slug: str, other: str) -> None:
        self.count += 1
        email = f"new{self.count}@{self.side(slug).marker}.example"
        form = {"email": email, "name": f"New {self.side(slug).marker}", "role": "agent"}
        invited = self.post(slug, "admin", "/settings/members/invite", **form).status
        if invited == 200:
            self.people[slug].add(email)
        taken = {**form, "email": self.side(other).ids["email"]}
        self.typed[slug].add(taken["email"])
        refused = self.post(slug, "admin", "/settings/members/invite", **taken).status
        assert (invited, refused) in ((200, 422), (429, 429))

    @rule(slug=slugs, owner=slugs, wanted=strategies.booleans())
    def deactivate_or_reactivate(self, slug: str, owner: str, wanted: bool) -> None:
        path = f"/settings/members/{self.side(owner).ids['member']}"
        done = self.post(slug, "admin", path, do="reactivate" if wanted else "deactivate")
        assert done.status == (303 if slug == owner else 404)
        if slug == owner:
            self.spare_is_active[slug] = wanted

    @rule(slug=slugs)
    def the_deactivated_comes_in_nowhere(self, slug: str) -> None:
        status = self.ask(slug, "spare", "GET", "/contacts").status
        assert status == (200 if self.spare_is_active[slug] else 403)

    @rule(slug=slugs)
    def change_the_settings(self, slug: str) -> None:
        form = {"name": f"Named {self.side(slug).marker}", "country": "US", "time_zone": "UTC"}
        assert self.post(slug, "admin", "/settings", **form).status == 303

    @rule(slug=slugs, what=strategies.sampled_from(["contacts", "calls", "settings/audit-trail"]))
    def export(self, slug: str, what: str) -> None:
        file = self.ask(slug, "admin", "GET", f"/{what}/export")
        assert file.status in (200, 429)
        is_empty = what == "contacts" and all(self.contacts[slug].values())
        assert file.status == 429 or is_empty or self.side(slug).marker in file.body

    @rule(slug=strategies.sampled_from(["acme", "cygnus"]))
    def work_in_one_of_two_workspaces(self, slug: str) -> None:
        client = Client(raise_request_exception=False)
        client.cookies[settings.SESSION_COOKIE_NAME] = self.world.cookies["dual"]
        session = client.session
        session["tenant_id"] = self.side(slug).ids["tenant"]
        session.save()
        for path in ("/contacts?q=", "/calls", "/settings"):
            page = ask(self.world, "dual", "GET", path, client=client, keep=True)
            assert self.checked(slug, page).status == 200
            assert self.side(slug).marker in page.body or path == "/contacts?q="

    @rule(slug=slugs, owner=slugs)
    def pick_in_the_admin(self, slug: str, owner: str) -> None:
        client = Client(raise_request_exception=False)
        client.cookies[settings.SESSION_COOKIE_NAME] = self.world.cookies["root"]
        picked = client.post("/admin/workspace/", {"workspace": self.side(slug).ids["tenant"]})
        assert picked.status_code == 302
        for path in ("contacts/contact/", "calls/calllog/", "tenants/user/", "calls/callevent/"):
            page = ask(self.world, "root", "GET", f"/admin/{path}", client=client, keep=True)
            assert self.checked(slug, page).status == 200
        path = f"/admin/contacts/contact/{self.side(owner).ids['contact']}/change/"
        page = ask(self.world, "root", "GET", path, client=client, keep=True)
        assert self.checked(slug, page).status == (200 if slug == owner else 302)

    @rule(slug=slugs)
    def look_at_the_lists(self, slug: str) -> None:
        self.assert_lists_are_as_the_model_says(slug)


def test_random_use_leaks_nothing(world: World) -> None:
    _sign_everybody_in(world)
    Use.world = world
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # so in hypothesis
        Use,
        settings=hypothesis_settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=EXAMPLES == IN_THE_SUITE,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def _sign_everybody_in(world: World) -> None:
    def cookie(user: User) -> str:
        client = Client()
        client.force_login(user)
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    for slug, side in world.sides.items():
        for who in ("admin", "supervisor", "agent", "spare"):
            world.cookies[f"{slug}:{who}"] = cookie(side.members[who].user)
    # Somebody of two workspaces: their name is no secret of either.
    for slug in ("acme", "cygnus"):
        both, _ = add_member(
            world.sides[slug].tenant,
            email="dual@example.com",
            name="Dual",
            role=Role.ADMIN,
            password=PASSWORD,
            account_is_theirs=True,
        )
        world.sides[slug].members["dual"] = both
    world.cookies["dual"] = cookie(both.user)
    from voip_crm.tests.isolation.world import snapshot

    world.before = snapshot()
