"""Proof: each id in a query, form or JSON body replaced by another workspace's, by each net.

The ids are found in the registry, whose requests work with the asker's own (`test_matrix` shows
it): so a refusal here is one of the id.
"""

from dataclasses import replace
from itertools import permutations, product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from twilio.request_validator import RequestValidator

from calls.gateway.accounts import account_of
from voip_crm.tests.isolation import nets
from voip_crm.tests.isolation.asking import Outcome, ask
from voip_crm.tests.isolation.registry import ROUTES, Route
from voip_crm.tests.isolation.sending import Field, filled, id_fields, parts
from voip_crm.tests.isolation.world import AREAS, Side, World, client_of

pytestmark = pytest.mark.django_db

CASES = [
    pytest.param(name, method, field, id=f"{name}-{method}-{field.name}")
    for name, route in ROUTES.items()
    for method, send in route.sends.items()
    for field in id_fields(send)
    if not route.names_all  # a superuser may pick any workspace
    and not name.endswith("webhook")
    and route.whom
]
TRAIL = "tenants_auditentry"


def actor_for(route: Route, method: str) -> str:
    return "admin" if route.may("admin", method) else "root"


def test_the_parameters_of_every_kind_are_found() -> None:
    found = {case.values[2].key for case in CASES}  # type: ignore[union-attr]  # each has one
    assert found >= {"contact", "user", "number", "second_number", "request", "waiting"}
    assert len(CASES) > 20


@pytest.mark.parametrize("net", nets.NETS)
@pytest.mark.parametrize(("name", "method", "field"), CASES)
def test_a_foreign_id_is_refused_or_does_nothing(
    world: World, name: str, method: str, field: Field, net: str
) -> None:
    route, own = ROUTES[name], world.acme
    actor, send = actor_for(route, method), route.sends[method]
    path = filled(route.path, own)
    with nets.holding(net):
        outcome = ask(world, actor, method, **parts(path, field.given(send, world.borealis), own))
    assert outcome.leaks(world, own) == []
    assert outcome.status < 500
    own_tables = {table for table, _ in outcome.changed} - {TRAIL}
    assert outcome.status >= 400 or not own_tables or send.wrong.get(field.name) == outcome.status
    assert not written_of(world.borealis, outcome)


def written_of(side: Side, outcome: Outcome) -> list[str]:
    """Rows that came to speak of `side`; what people typed stands in the trail as they typed it."""
    return [row for row in outcome.written if side.seen_in(row)]


# --- what no form has ------------------------------------------------------------------------

POSTS = [
    name
    for name, route in ROUTES.items()
    if "POST" in route.sends
    and (route.sends["POST"].form or route.sends["POST"].json) is not None
    and route.whom
    and not name.startswith("sign_")
]


def unasked(side: Side) -> dict[str, str]:
    """Fields of rows that nobody may choose, with another workspace's values."""
    ids = side.ids
    return {
        **{"tenant": ids["tenant"], "tenant_id": ids["tenant"], "workspace_id": ids["tenant"]},
        **{"user": ids["user"], "user_id": ids["user"], "agent": ids["user"]},
        **{"account_sid": ids["account_sid"], "conference": ids["room"], "call": ids["call"]},
        **{"id": ids["contact"], "pk": ids["contact"], "slug": ids["slug"]},
        **{"is_superuser": "on", "is_staff": "on", "clerk_org_id": ids["marker"]},
    }


@pytest.mark.parametrize("name", POSTS)
def test_fields_that_no_form_has_change_nothing(world: World, name: str) -> None:
    route, own = ROUTES[name], world.acme
    send, path = route.sends["POST"], filled(route.path, world.acme)
    actor = actor_for(route, "POST")
    plain = ask(world, actor, "POST", **parts(path, send, own))
    where = "form" if send.form is not None else "json"
    given = getattr(send, where)
    # Of the admin's forms some ask for this: a superuser runs the installation.
    asked = {
        *given,
        *({"is_superuser", "is_staff", "clerk_org_id", "slug"} if actor == "root" else ()),
    }
    extra = {k: v for k, v in unasked(world.borealis).items() if k not in asked}
    changed: dict[str, Any] = {where: {**given, **extra}}
    more = replace(send, **changed)
    outcome = ask(world, actor, "POST", **parts(path, more, own))
    assert outcome.leaks(world, own) == []
    if outcome.status < 400:
        assert (outcome.status, outcome.changed) == (plain.status, plain.changed)
    else:
        assert not outcome.changed
    assert not written_of(world.borealis, outcome)


# --- where a page goes on, and which workspace a session prefers -----------------------------


@pytest.mark.parametrize("net", nets.NETS)
def test_a_foreign_place_in_a_list_shows_ones_own_rows_only(world: World, net: str) -> None:
    foreign, future = world.borealis.ids, "2099-01-01T00:00:00+00:00"
    pages = [
        ("/calls", "before", f"{future}~{foreign['call']}"),
        ("/settings/audit-trail", "before", f"{future}~{foreign['contact']}"),
        ("/contacts", "after", f"a~{foreign['contact']}"),
        ("/api/twilio/call-logs", "before", f"{future}~{foreign['call']}"),
    ]
    with nets.holding(net):
        for path, name, cursor in pages:
            outcome = ask(world, "admin", "GET", f"{path}?{urlencode({name: cursor})}")
            assert outcome.leaks(world, world.acme) == [], path
            assert outcome.status in (200, 400), path
            assert outcome.status == 400 or world.acme.marker in outcome.body, path


@pytest.mark.parametrize("net", nets.NETS)
def test_a_session_that_prefers_a_foreign_workspace_gets_its_own(world: World, net: str) -> None:
    client = client_of(world, "admin")
    session = client.session
    session["tenant_id"] = world.borealis.ids["tenant"]
    session["admin_workspace"] = {"id": world.borealis.ids["tenant"], "until": 2**40, "noted": True}
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    with nets.holding(net):
        for path in ("/contacts", "/admin/contacts/contact/"):
            outcome = ask(world, "admin", "GET", path, client=client)
            assert outcome.leaks(world, world.acme) == []
            assert world.acme.marker in outcome.body


# --- webhooks --------------------------------------------------------------------------------

# Which parts of a hook name its workspace: they must agree.
NAMED_BY = {"leg": "both", "room": "query", "recording": "both", "agent": "body"}
HOOKS: dict[str, tuple[str, dict[str, str]]] = {
    "leg": (
        "/api/twilio/call-status?tenant={tenant}&leg={contact_leg}",
        {"CallSid": "{call_sid}", "CallStatus": "completed", "CallDuration": "9"},
    ),
    "room": (
        "/api/twilio/call-status?tenant={tenant}&room={room}",
        {"StatusCallbackEvent": "conference-end", "ConferenceSid": "CF" + "1" * 32},
    ),
    "recording": (
        "/api/twilio/recording-status?tenant={tenant}&call={call}",
        {"CallSid": "{call_sid}", "RecordingSid": "RE" + "2" * 32, "RecordingStatus": "completed"},
    ),
    "agent": (
        "/api/twilio/voice-webhook?tenant={tenant}",
        {
            "From": "client:{identity}",
            "CallSid": "CA" + "3" * 32,
            "CallStatus": "ringing",
            "clientRequestId": "6f0b6a52-2d3b-4c39-9c15-0d8f0c1f7e55",
        },
    ),
}


def signed(
    world: World, signer: Side, path: str, form: dict[str, str], *, keep: bool = False
) -> Outcome:
    """Posted as Twilio does for the account by which `signer` calls."""
    account = account_of(signer.tenant.pk)
    form = {"AccountSid": account.sid, **form}
    signature = RequestValidator(account.auth_tokens[0]).compute_signature(
        settings.PUBLIC_BASE_URL + path, form
    )
    sent: dict[str, Any] = {
        "data": urlencode(form),
        "content_type": "application/x-www-form-urlencoded",
        "headers": {"X-Twilio-Signature": signature},
    }
    return ask(world, "anonymous", "POST", path, keep=keep, **sent)


@pytest.mark.parametrize("net", nets.NETS)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_webhook_counts_for_its_own_workspace_only(world: World, hook: str, net: str) -> None:
    path, form = HOOKS[hook]

    def post(signer: Side, query: Side, body: Side) -> Outcome:
        fields = {name: filled(value, body) for name, value in form.items()}
        return signed(world, signer, filled(path, query), fields)

    with nets.holding(net):
        for slug in AREAS:
            own = world.sides[slug]
            outcome = post(own, own, own)
            assert outcome.status in (200, 204) and outcome.changed
            assert outcome.leaks(world, own) == []
        for signer, other in permutations(world.sides.values(), 2):
            for query, body in product((signer, other), repeat=2):
                outcome = post(signer, query, body)
                case = (signer.marker, query.marker, body.marker)
                named = {"query": [query], "body": [body], "both": [query, body]}[NAMED_BY[hook]]
                agree = named[0] is named[-1]
                may = agree and named[0].ids["account_sid"] == signer.ids["account_sid"]
                touched = {whose for _, whose in outcome.changed}
                assert outcome.status in (200, 204, 403), case
                assert touched <= {None, *([named[0].tenant.pk] if may else [])}, case
                assert may or not (outcome.messages or outcome.tasks), case
