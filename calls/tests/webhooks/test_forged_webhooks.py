"""Proof: a forged webhook is refused, reads nothing, writes nothing, and is never a 500.

Three workspaces: Acme shares the environment's account, Borealis and Cumulus have their own. Each
family of forgeries starts from a genuine request, and its twin shows that the genuine one is taken.
"""

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import permutations
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from twilio.request_validator import RequestValidator

from calls.facts import states
from calls.gateway import accounts, addresses
from calls.gateway.accounts import TwilioAccount, account_of
from calls.models import CallLeg, CallLog, Conference, OwnAccount, PhoneNumber, UnroutedEvent
from calls.services.callbacks import routing
from calls.services.inbound import arriving
from calls.services.inbound.plans import ensure_line
from calls.services.rooms import progress
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import admitted, sid
from calls.webhooks import signed_posts
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role
from tenants.people.services import add_member, create_tenant
from tenants.tests.database import everything_visible

FORM = "application/x-www-form-urlencoded"
EVENT, ROOM, VOICE, LEFT, FALLBACK, MUSIC, RECORDING, CALLED, NEXT, KEPT, OUTSIDE = HOOKS = (
    "call-status leg",
    "call-status room",
    "voice-webhook",
    "voice-webhook leg-ended",
    "voice-fallback",
    "hold-music",
    "recording-status",
    "voice-webhook called",
    "voice-webhook next",
    "voice-webhook kept",
    "call-status outside",
)
# Who is on the line always gets TwiML.
OF_CALLERS = (CALLED, NEXT, KEPT)
CALLER = "+12125550123"
Pairs = list[tuple[str, str]]


@dataclass
class Workspace:
    """A workspace with an agent in a call, its account, and genuine requests about it."""

    member: Membership
    account: TwilioAccount
    room: Conference
    agent_leg: CallLeg
    contact_leg: CallLeg
    call: CallLog
    caller: CallLog  # another, who waits in line

    def genuine(self, hook: str) -> "Sent":
        tenant_id, call_sid = self.member.tenant_id, self.contact_leg.call_sid or ""
        person = {
            "From": f"client:{self.member.identity}",
            "CallSid": self.agent_leg.call_sid or "",
            "CallStatus": "in-progress",
            "clientRequestId": str(self.room.client_request_id),
        }
        url, fields = {
            EVENT: (
                addresses.leg_status(tenant_id, self.contact_leg.pk),
                {"CallSid": call_sid, "CallStatus": "ringing", "SequenceNumber": "1"},
            ),
            ROOM: (
                addresses.conference_status(tenant_id, self.room.pk),
                {
                    "StatusCallbackEvent": "participant-join",
                    "CallSid": call_sid,
                    "ConferenceSid": self.room.conference_sid,
                    "ParticipantLabel": self.contact_leg.label,
                },
            ),
            VOICE: (addresses.voice_requests(self.account.tenant_id), person),
            LEFT: (addresses.leg_ended(tenant_id, self.agent_leg.pk), person),
            FALLBACK: (addresses.number_fallback(tenant_id), {"CallSid": call_sid}),
            MUSIC: (addresses.hold_music(tenant_id), {"CallSid": call_sid}),
            RECORDING: (
                addresses.recording_status(tenant_id, self.call.pk),
                {"CallSid": call_sid, "RecordingSid": sid("RE"), "RecordingStatus": "completed"},
            ),
            CALLED: (
                addresses.number_called(tenant_id),
                {"CallSid": sid("CA"), "From": CALLER, "To": self.caller.to_number},
            ),
            NEXT: (
                addresses.caller_step(tenant_id, self.caller.pk, "next"),
                {"CallSid": self.caller.twilio_call_sid or ""},
            ),
            KEPT: (
                addresses.message_kept(tenant_id),
                {
                    "CallSid": sid("CA"),
                    "From": CALLER,
                    "To": self.caller.to_number,
                    "RecordingSid": sid("RE"),
                    "RecordingDuration": "3",
                },
            ),
            OUTSIDE: (
                addresses.outside_status(tenant_id, self.caller.pk),
                {
                    "CallSid": sid("CA"),
                    "ParentCallSid": self.caller.twilio_call_sid or "",
                    "CallStatus": "in-progress",
                },
            ),
        }[hook]
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        pairs = [("AccountSid", self.account.sid), ("ApiVersion", "2010-04-01"), *fields.items()]
        return Sent(path, pairs, self.account.auth_tokens[0])


@dataclass
class Sent:
    """A request; `signed_*` is what its signature is over, if it differs."""

    path: str
    pairs: Pairs
    token: str
    signed_url: str = ""
    signed_pairs: Pairs | None = None
    method: str = "POST"
    content_type: str = FORM
    body: bytes | None = None
    signature: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def having(self, **fields: str) -> "Sent":
        """With these parameters in place of those of that name, signed anew."""
        kept = [(name, value) for name, value in self.pairs if name not in fields]
        return replace(self, pairs=[*kept, *fields.items()])

    def post(self, client: Client) -> Any:
        signature = self.signature
        if signature is None:
            form: dict[str, list[str]] = {}
            for name, value in self.pairs if self.signed_pairs is None else self.signed_pairs:
                form.setdefault(name, []).append(value)
            url = self.signed_url or settings.PUBLIC_BASE_URL + self.path
            signature = RequestValidator(self.token).compute_signature(url, Several(form))
        headers = {"X-Twilio-Signature": signature} if signature != "none" else {}
        return client.generic(
            self.method,
            self.path,
            urlencode(self.pairs).encode() if self.body is None else self.body,
            content_type=self.content_type,
            headers=headers | self.headers,
        )


class Several(dict[str, list[str]]):
    """Parameters with several values, as the library asks for them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def own_account(tenant: Any, serial: int) -> None:
    with tenant_transaction(tenant.pk):
        OwnAccount.objects.create(
            sid=f"AC{serial:032x}",
            auth_token=f"token-of-{tenant.slug}",
            api_key_sid=f"SK{serial:032x}",
            api_key_secret="secret",
            twiml_app_sid=f"AP{serial:032x}",
        )


def in_a_call(member: Membership) -> Workspace:
    account = account_of(member.tenant_id)
    room, leg = admitted(member, account)
    joined = progress.Heard(states.CONFERENCE, "participant-join", timezone.now(), {})
    progress.hear(member.tenant_id, joined, leg_id=leg.pk)
    with tenant_transaction(member.tenant_id):
        Conference.objects.filter(pk=room.pk).update(conference_sid=sid("CF"))
        room.refresh_from_db()
        call = an_outbound_call(member.tenant, user=member.user, conference=room)
        contact = CallLeg.objects.create(conference=room, party="contact")
        progress.bind_sid(contact, sid("CA"))
        call.refresh_from_db()
    return Workspace(member, account, room, leg, contact, call, in_line(member, account))


def in_line(member: Membership, account: TwilioAccount) -> CallLog:
    """Somebody who has called a number of the workspace."""
    with tenant_transaction(member.tenant_id):
        ours = f"+1415555{PhoneNumber.objects.count():02}{member.user.name[:1].encode()[0] % 90:02}"
        number, _ = PhoneNumber.objects.get_or_create(account_sid=account.sid, number=ours)
        ensure_line(number)
    arrived = arriving.arrive(
        member.tenant_id,
        account_sid=account.sid,
        call_sid=sid("CA"),
        caller=CALLER,
        to=ours,
        said={},
        now=timezone.now(),
    )
    assert arrived is not None
    with tenant_transaction(member.tenant_id):
        return CallLog.objects.get(pk=arrived.call_id)


@pytest.fixture
def three(cast: Any) -> dict[str, Workspace]:
    cumulus = create_tenant(name="Cumulus", slug="cumulus", country="US", records_calls=True)
    dora, _ = add_member(cumulus, email="dora@cumulus.example", role=Role.AGENT, name="Dora")
    own_account(cast.borealis, 11)
    own_account(cumulus, 12)
    return {
        "acme": in_a_call(cast.bob),
        "borealis": in_a_call(cast.charlie),
        "cumulus": in_a_call(dora),
    }


def digest(*, aside: bool = True) -> str:
    """Of every row of every table; `aside`: with the events that are kept aside."""
    found = []
    with everything_visible(), connection.cursor() as cursor:
        for model in apps.get_models():
            if model is UnroutedEvent and not aside:
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            found.append(sorted(map(repr, cursor.fetchall())))
    return hashlib.sha256(repr(found).encode()).hexdigest()


def tables_read(queries: CaptureQueriesContext) -> set[str]:
    text = "\n".join(query["sql"] for query in queries)
    return set(re.findall(r'(?:FROM|JOIN|INTO|UPDATE)\s+"(\w+)"', text))


def assert_refused(client: Client, sent: Sent, status: int = 403) -> None:
    """Nothing written, and nothing read but, at most, the account of the workspace named."""
    with CaptureQueriesContext(connection) as queries:
        answer = sent.post(client)
    assert answer.status_code == status, answer.status_code
    assert tables_read(queries) <= {OwnAccount._meta.db_table}
    changes = re.compile(r"\b(INSERT|UPDATE|DELETE|TRUNCATE)\b")
    assert not [query["sql"] for query in queries if changes.search(query["sql"])]


def assert_accepted(client: Client, sent: Sent) -> None:
    answer = sent.post(client)
    assert answer.status_code in (200, 204), answer.status_code
    assert UnroutedEvent.objects.count() == 0


# --- shapes --------------------------------------------------------------------------------------


def with_query(sent: Sent, added: str) -> str:
    return sent.path + ("&" if "?" in sent.path else "?") + added


def re_ordered(sent: Sent) -> Sent:
    path, _, query = with_query(sent, "a=1").partition("?")
    turned = "&".join(reversed(query.split("&")))
    genuine = settings.PUBLIC_BASE_URL + f"{path}?{query}"
    return replace(sent, path=f"{path}?{turned}x", signed_url=genuine)


def signed_unsorted(sent: Sent) -> Sent:
    """Sent sorted, or in any other order, what was signed in one that is neither ours nor its."""
    path, _, query = sent.path.partition("?")
    signed = "&".join(["z=1", *reversed(query.split("&") if query else []), "a=1"])
    return moved(replace(sent, path=f"{path}?{signed}"), addresses.in_our_order(f"{path}?{signed}"))


def slashed(sent: Sent) -> Sent:
    path, mark, query = sent.path.partition("?")
    genuine = settings.PUBLIC_BASE_URL + sent.path
    return replace(sent, path=f"{path}/{mark}{query}", signed_url=genuine)


def shouted(sent: Sent) -> Sent:
    path, mark, query = sent.path.partition("?")
    return replace(sent, path=path.replace("/api", "/API") + mark + query)


def moved(sent: Sent, new: str) -> Sent:
    """Genuinely signed, then sent to another address."""
    return replace(sent, path=new, signed_url=settings.PUBLIC_BASE_URL + sent.path)


def elsewhere(sent: Sent, base: str) -> Sent:
    return replace(sent, signed_url=base + sent.path)


def altered(sent: Sent, pairs: Pairs) -> Sent:
    return replace(sent, pairs=pairs, signed_pairs=sent.pairs)


def split_again(sent: Sent) -> Sent:
    """Names and values have no delimiters in what is signed: the first of them joins the URL."""
    first, *others = sorted(sent.pairs)
    return replace(
        sent,
        path=with_query(sent, "x=1") + "".join(first),
        pairs=others,
        signed_url=settings.PUBLIC_BASE_URL + with_query(sent, "x=1"),
        signed_pairs=sent.pairs,
    )


def sha256_of(sent: Sent) -> Sent:
    body = b'{"CallStatus": "completed"}'
    path = with_query(sent, "bodySHA256=" + hashlib.sha256(body).hexdigest())
    return replace(sent, path=path, body=body, content_type="application/json", signed_pairs=[])


def host(sent: Sent, name: str) -> Sent:
    return replace(sent, signature="x", headers={"Host": name})


HOSTS = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
SHARED_KEY = {
    "X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
}
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="AccountSid"\r\n\r\nAC1\r\n--x--'
SHAPES: dict[str, Callable[[Sent], Sent]] = {
    # the signature
    "no signature": lambda s: replace(s, signature="none"),
    "empty signature": lambda s: replace(s, signature=""),
    "blank signature": lambda s: replace(s, signature=" "),
    "signature of a book": lambda s: replace(s, signature="L/OH5YylLD5NRKLltdqwSvS0BnU="),
    "half base64": lambda s: replace(s, signature="="),
    "not ascii": lambda s: replace(s, signature="é" * 28),
    "two signatures": lambda s: replace(s, signature="a,b"),
    "huge signature": lambda s: replace(s, signature="A" * 8000),
    "another token": lambda s: replace(s, token="another"),
    "empty token": lambda s: replace(s, token=""),
    "the account's sid as token": lambda s: replace(s, token=s.pairs[0][1]),
    "shared key header": lambda s: replace(s, token="another", headers=SHARED_KEY),
    # what is signed
    "only the url signed": lambda s: replace(s, signed_pairs=[]),
    "an added parameter": lambda s: altered(s, [*s.pairs, ("CallStatus2", "completed")]),
    "a missing parameter": lambda s: altered(s, s.pairs[:-1]),
    "a changed parameter": lambda s: altered(s, [*s.pairs[:-1], (s.pairs[-1][0], "changed")]),
    "a renamed parameter": lambda s: altered(s, [*s.pairs[:-1], ("Renamed", s.pairs[-1][1])]),
    "joined parameters": split_again,
    "a parameter twice": lambda s: replace(s, pairs=[*s.pairs, ("CallSid", "CA" + "0" * 32)]),
    "an account twice": lambda s: replace(s, pairs=[*s.pairs, ("AccountSid", "AC" + "0" * 32)]),
    "an array of accounts": lambda s: replace(s, pairs=[("AccountSid[]", v) for _, v in s.pairs]),
    "an unknown account": lambda s: s.having(AccountSid="AC" + "0" * 32),
    "an account in capitals": lambda s: s.having(AccountSid=s.pairs[0][1].upper()),
    "an account with a null byte": lambda s: s.having(AccountSid=s.pairs[0][1] + "\0"),
    "no account": lambda s: replace(s, pairs=s.pairs[1:]),
    "the account in the query": lambda s: replace(
        s, path=with_query(s, urlencode(s.pairs[:1])), pairs=s.pairs[1:]
    ),
    # the address
    "another query": lambda s: moved(s, s.path.partition("?")[0] + "?x=1"),
    "an added query": lambda s: moved(s, with_query(s, "more=1")),
    "a re-ordered query": re_ordered,
    "a query signed in another order": signed_unsorted,
    "a re-ordered query with a name twice": lambda s: moved(
        replace(s, path=with_query(s, "zz=1&zz=2")), with_query(s, "zz=2&zz=1")
    ),
    "an empty tenant": lambda s: moved(s, with_query(s, "tenant=")),
    "a trailing slash": slashed,
    "a path in capitals": shouted,
    "two slashes": lambda s: replace(s, path=s.path.replace("/api/", "/api//")),
    "another host signed": lambda s: elsewhere(s, "http://evil.example"),
    "another scheme signed": lambda s: elsewhere(
        s, settings.PUBLIC_BASE_URL.replace("http:", "https:")
    ),
    "another port signed": lambda s: elsewhere(s, "http://localhost:1"),
    "userinfo signed": lambda s: elsewhere(s, "http://me:pw@localhost"),
    "an evil host": lambda s: host(s, "evil.example"),
    "an impossible port": lambda s: host(s, "localhost:99999"),
    "a forwarded host": lambda s: replace(elsewhere(s, "https://evil.example"), headers=HOSTS),
    # the body
    "by GET": lambda s: replace(s, method="GET"),
    "by PUT": lambda s: replace(s, method="PUT"),
    "by HEAD": lambda s: replace(s, method="HEAD"),
    "a method overridden": lambda s: replace(
        s, method="GET", headers={"X-HTTP-Method-Override": "POST"}
    ),
    "json": lambda s: replace(s, body=b'{"CallSid":"CA1"}', content_type="application/json"),
    "json as a form": lambda s: replace(s, body=b'{"AccountSid":"AC1"}', signed_pairs=[]),
    "json with its hash": sha256_of,
    "text": lambda s: replace(s, content_type="text/plain"),
    "no type": lambda s: replace(s, content_type=""),
    "multipart": lambda s: replace(
        s, body=MULTIPART, content_type="multipart/form-data; boundary=x", signed_pairs=[]
    ),
    "another charset": lambda s: replace(s, content_type=FORM + "; charset=utf-16"),
    "an unknown charset": lambda s: replace(s, content_type=FORM + "; charset=evil"),
    "empty": lambda s: replace(s, body=b""),
    "oversized": lambda s: s.having(Padding="x" * 70_000),
    "oversized without a length": lambda s: replace(
        s.having(Padding="x" * 70_000), headers={"Content-Length": ""}
    ),
    "a length that is none": lambda s: replace(s, headers={"Content-Length": "many"}),
    "too many parameters": lambda s: replace(
        s, pairs=[*s.pairs, *((f"p{n}", "") for n in range(2000))]
    ),
    "null bytes": lambda s: replace(s, body=b"\0=\0&AccountSid=\0"),
    "bad utf-8": lambda s: replace(s, body=b"AccountSid=%ff%fe&%c3%28=%ed%a0%80"),
    "bad escapes": lambda s: replace(s, body=b"AccountSid=%zz&%=%"),
}


STATUSES = {
    **dict.fromkeys(["by GET", "by PUT", "by HEAD", "a method overridden"], 405),
    **dict.fromkeys(["a path in capitals", "two slashes"], 404),
    **dict.fromkeys(["json", "json with its hash", "text", "no type", "multipart"], 415),
    **dict.fromkeys(["another charset", "an unknown charset"], 415),
    "empty": 415,  # the test client gives an empty body no type
    "oversized": 413,
    **dict.fromkeys(["a length that is none", "too many parameters", "an evil host"], 400),
    **dict.fromkeys(["a parameter twice", "an account twice", "an array of accounts"], 400),
}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("whose", ["acme", "borealis"])
def test_the_genuine_request_is_taken_and_each_forgery_of_it_refused(
    three: dict[str, Workspace], client: Client, hook: str, whose: str
) -> None:
    genuine = three[whose].genuine(hook)
    assert len(SHAPES) >= 40
    before = digest()
    for name, forge in SHAPES.items():
        try:
            assert_refused(client, forge(genuine), STATUSES.get(name, 403))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    assert digest() == before
    assert_accepted(client, genuine)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("whose", ["acme", "borealis"])
def test_a_query_may_come_in_any_order_when_ours_is_signed(
    three: dict[str, Workspace], client: Client, hook: str, whose: str
) -> None:
    genuine = three[whose].genuine(hook)
    ours = with_query(genuine, "zz=1")
    path, _, query = ours.partition("?")
    assert addresses.in_our_order(ours) == ours
    for turned in permutations(query.split("&")):
        assert_accepted(client, moved(replace(genuine, path=ours), f"{path}?{'&'.join(turned)}"))


def test_a_body_may_be_just_as_large_as_is_said(
    three: dict[str, Workspace], client: Client
) -> None:
    genuine = three["acme"].genuine(EVENT)
    room = signed_posts.MAX_BODY - len(urlencode([*genuine.pairs, ("Padding", "")]))
    assert_refused(client, genuine.having(Padding="x" * (room + 1)), 413)
    assert_accepted(client, genuine.having(Padding="x" * room))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_genuine_request_repeated_changes_nothing(
    three: dict[str, Workspace], client: Client, hook: str
) -> None:
    for workspace in three.values():
        genuine = workspace.genuine(hook)
        before = digest()
        first = genuine.post(client)
        after = digest()
        # A hold's music and a known agent's request are answered without a word to write.
        assert (before != after) or hook in (FALLBACK, MUSIC, VOICE)
        encoded = replace(genuine, path=genuine.path.replace("twilio/", "%74wilio/"))
        encoded.signed_url = settings.PUBLIC_BASE_URL + genuine.path
        for again in (genuine, genuine, encoded):
            assert again.post(client).content == first.content
        assert digest() == after


def test_a_signed_in_person_is_not_twilio(
    three: dict[str, Workspace], client: Client, cast: Any
) -> None:
    """A session of one workspace and a signature of another's account do not mix."""
    genuine = three["borealis"].genuine(EVENT)
    client.force_login(cast.bob.user)
    before = digest()
    assert genuine.post(client).status_code == 403
    assert digest() == before
    client.logout()
    before = digest()
    bearer = replace(genuine, headers={"Authorization": "Bearer of-somebody"})
    assert bearer.post(client).status_code == 403
    assert digest() == before
    assert_accepted(client, genuine)


# --- accounts forging for each other -------------------------------------------------------------

PAIRS = list(permutations(["acme", "borealis", "cumulus"], 2))


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(("forger", "victim"), PAIRS)
def test_no_account_speaks_for_anothers_workspace(
    three: dict[str, Workspace], client: Client, hook: str, forger: str, victim: str
) -> None:
    """The forger signs rightly with its own token whatever it likes to say."""
    own, theirs = three[forger], three[victim]
    genuine, before = theirs.genuine(hook), digest(aside=False)
    signed = replace(genuine, token=own.account.auth_tokens[0])
    claims = {
        "the victim's account with the forger's token": signed,
        "the forger's account at the victim's address": signed.having(AccountSid=own.account.sid),
    }
    for claim in claims.values():
        with CaptureQueriesContext(connection) as queries:
            answer = claim.post(client)
        if answer.status_code not in (200, 204):
            assert answer.status_code == 403
            assert tables_read(queries) <= {OwnAccount._meta.db_table}
        else:
            # The shared account's signature is our own: it is heard, but moves no row of others.
            assert forger == "acme" and claim.pairs[-1][1] == own.account.sid
        assert digest(aside=False) == before
    UnroutedEvent.objects.all().delete()
    assert_accepted(client, genuine)


@pytest.mark.parametrize(("forger", "victim"), PAIRS)
def test_an_own_account_serves_its_own_workspace_alone(
    three: dict[str, Workspace], forger: str, victim: str
) -> None:
    """Asked alone; in a request, the account was already chosen by the same workspace."""
    account, member = three[forger].account, three[victim].member
    is_shared = forger == "acme"
    assert accounts.serves(account, member.tenant_id) == is_shared
    found = routing.member_behind(account, member.identity)
    assert found == (member if is_shared else None)


@pytest.mark.parametrize(("forger", "victim"), PAIRS)
def test_no_account_reaches_anothers_rows_by_its_own_address(
    three: dict[str, Workspace], client: Client, forger: str, victim: str
) -> None:
    """The forger's own workspace in the address, the victim's ids in everything else."""
    own, theirs = three[forger], three[victim]
    mine = own.member.tenant_id
    paths = {
        EVENT: addresses.leg_status(mine, theirs.contact_leg.pk),
        ROOM: addresses.conference_status(mine, theirs.room.pk),
        RECORDING: addresses.recording_status(mine, theirs.call.pk),
        LEFT: addresses.leg_ended(mine, theirs.agent_leg.pk),
        VOICE: addresses.voice_requests(own.account.tenant_id),
    }
    before = digest(aside=False)
    for hook, url in paths.items():
        parts = urlsplit(url)
        forged = theirs.genuine(hook).having(AccountSid=own.account.sid)
        forged.path = parts.path + (f"?{parts.query}" if parts.query else "")
        forged.token = own.account.auth_tokens[0]
        with CaptureQueriesContext(connection) as queries:
            answer = forged.post(client)
        assert answer.status_code in (200, 204)
        if hook != VOICE or own.account.tenant_id:
            statements = "\n".join(query["sql"] for query in queries)
            for text in (str(theirs.member.tenant_id), theirs.member.tenant_id.hex):
                assert f"'{text}'" not in statements, hook  # nothing of theirs was looked for
        if hook == VOICE:
            assert b"<Dial" not in answer.content
        assert digest(aside=False) == before, hook
    for hook in (EVENT, RECORDING):
        genuine, others = own.genuine(hook), theirs.genuine(hook)
        genuine = genuine.having(CallSid=dict(others.pairs)["CallSid"])
        assert genuine.post(client).status_code == 204
        assert digest(aside=False) == before
    UnroutedEvent.objects.all().delete()
    for hook in HOOKS:
        assert_accepted(client, own.genuine(hook))


def test_a_recordings_sid_of_another_workspace_is_not_taken_over(
    three: dict[str, Workspace], client: Client
) -> None:
    theirs = three["cumulus"].genuine(RECORDING)
    assert_accepted(client, theirs)
    before = digest(aside=False)
    forged = three["borealis"].genuine(RECORDING)
    forged = forged.having(RecordingSid=dict(theirs.pairs)["RecordingSid"])
    assert forged.post(client).status_code == 204
    assert digest(aside=False) == before
    assert UnroutedEvent.objects.count() == 1


# --- the browser's own parameters ------------------------------------------------------------


@pytest.mark.parametrize("whose", ["acme", "borealis"])
def test_what_a_browser_adds_is_not_believed(
    three: dict[str, Workspace], client: Client, whose: str
) -> None:
    own, theirs = three[whose], three["cumulus"]
    rogue = {
        "tenant": theirs.member.tenant_id.hex,
        "tenant_id": str(theirs.member.tenant_id),
        "contact_id": str(theirs.call.pk),
        "room": theirs.room.pk.hex,
        "leg": theirs.agent_leg.pk.hex,
        "CallerId": "+442079460199",
        "To": "+19005550100",
        "step": "leg-ended",
        "Caller": f"client:{theirs.member.identity}",
        "ConferenceSid": "CF" + "b" * 32,
    }
    genuine = own.genuine(VOICE)
    expected, before = genuine.post(client).content, digest()
    assert b"<Dial" in expected
    assert genuine.having(**rogue).post(client).content == expected
    # Stored with the event as it came, and it moved nothing else.
    with tenant_transaction(own.member.tenant_id):
        assert not Conference.objects.filter(conference_sid=rogue["ConferenceSid"]).exists()
    with tenant_transaction(theirs.member.tenant_id):
        assert theirs.room.events.count() == 1
    assert digest() != before


@pytest.mark.parametrize("wrong", ["foreign", "mixed", "removed", "nobody", "number"])
def test_an_identity_that_is_not_a_members_is_not_let_in(
    three: dict[str, Workspace], client: Client, wrong: str
) -> None:
    own, theirs = three["borealis"], three["cumulus"]
    identity = {
        "foreign": theirs.member.identity,
        "mixed": f"t{own.member.tenant_id.hex}_u{theirs.member.user_id.hex}",
        "removed": own.member.identity,
        "nobody": "alice",
        "number": "+14155550100",
    }[wrong]
    call_sid = sid("CA")
    genuine = own.genuine(VOICE).having(CallSid=call_sid, clientRequestId=str(uuid.uuid4()))
    if wrong == "removed":
        with tenant_transaction(own.member.tenant_id):
            Membership.objects.filter(pk=own.member.pk).update(is_active=False)
    before = digest()
    answer = genuine.having(From=f"client:{identity}").post(client)
    assert b"<Hangup" in answer.content and b"<Dial" not in answer.content
    assert digest() == before
    if wrong == "removed":
        with tenant_transaction(own.member.tenant_id):
            Membership.objects.filter(pk=own.member.pk).update(is_active=True)
    assert b"<Dial" in genuine.post(client).content


# --- accounts that change ------------------------------------------------------------------------


def test_a_token_rotates_without_one_refusal_and_the_old_one_ends(
    three: dict[str, Workspace], client: Client
) -> None:
    own = three["borealis"]
    old = own.account.auth_tokens[0]
    with tenant_transaction(own.member.tenant_id):
        row = OwnAccount.objects.get()
        row.previous_auth_token, row.auth_token = row.auth_token, "the-new-token"
        row.previous_until = timezone.now() + timedelta(hours=24)
        row.save()
    for token in (old, "the-new-token"):
        assert_accepted(client, replace(own.genuine(EVENT), token=token))
    with tenant_transaction(own.member.tenant_id):
        OwnAccount.objects.update(previous_until=timezone.now())
    assert_refused(client, replace(own.genuine(ROOM), token=old))
    assert_accepted(client, replace(own.genuine(ROOM), token="the-new-token"))


def test_the_shared_token_rotates_the_same_way(
    three: dict[str, Workspace], client: Client, settings: Any
) -> None:
    own, old = three["acme"], settings.TWILIO_AUTH_TOKEN
    settings.TWILIO_AUTH_TOKEN, settings.TWILIO_AUTH_TOKEN_PREVIOUS = "the-new-token", old
    until = timezone.now() + timedelta(hours=1)
    for text, believed in (
        (until.isoformat(), True),
        ((until - timedelta(hours=2)).isoformat(), False),
        (until.replace(tzinfo=None).isoformat(), False),
        ("tomorrow", False),
        ("2026-13-01T00:00Z", False),
        ("", False),
    ):
        settings.TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL = text
        check = assert_accepted if believed else assert_refused
        check(client, replace(own.genuine(EVENT), token=old))
        assert_accepted(client, replace(own.genuine(EVENT), token="the-new-token"))


@pytest.mark.parametrize("hook", HOOKS)
def test_an_account_whose_secrets_cannot_be_read_is_asked_to_try_again(
    three: dict[str, Workspace], client: Client, settings: Any, hook: str
) -> None:
    genuine = three["borealis"].genuine(hook)
    keys, settings.SECRETS_KEYS = settings.SECRETS_KEYS, []
    before = digest()
    answer = genuine.post(client)
    # Who is on the line always gets TwiML: nobody would ask for it again.
    said = {
        VOICE: b"The service is busy",
        LEFT: b"The service is busy",
        FALLBACK: b"Please leave a message",
        CALLED: b"Please leave a message",
        NEXT: b"Please leave a message",
        KEPT: b"Thank you for your message",
        MUSIC: b"One moment please",
    }
    assert answer.status_code == (200 if hook in said else 503)
    assert said.get(hook, b"") in answer.content
    assert digest() == before
    settings.SECRETS_KEYS = keys
    assert_accepted(client, genuine)


def test_what_was_made_with_a_former_account_is_still_heard_by_it_only(
    three: dict[str, Workspace], client: Client, cast: Any
) -> None:
    """Acme goes from the shared account to an own one in the middle of a call."""
    before = three["acme"]
    own_account(cast.acme, 13)
    after = account_of(cast.acme.pk)
    assert (after.tenant_id, before.account.tenant_id) == (cast.acme.pk, None)
    for hook in (EVENT, ROOM, RECORDING):
        assert_accepted(client, before.genuine(hook))
        state = digest(aside=False)
        forged = before.genuine(hook).having(AccountSid=after.sid, CallStatus="completed")
        assert replace(forged, token=after.auth_tokens[0]).post(client).status_code == 204
        assert digest(aside=False) == state
        UnroutedEvent.objects.all().delete()
    # A new call needs the new account: the browser's old token names the former one.
    fresh = before.genuine(VOICE).having(CallSid=sid("CA"), clientRequestId=str(uuid.uuid4()))
    assert b"account was changed" in fresh.post(client).content
    fresh = replace(fresh, path=urlsplit(addresses.voice_requests(cast.acme.pk)).path)
    fresh.path += f"?tenant={cast.acme.pk.hex}"
    fresh = replace(fresh.having(AccountSid=after.sid), token=after.auth_tokens[0])
    assert b"<Dial" in fresh.post(client).content
