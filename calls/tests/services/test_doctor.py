"""twilio_doctor against the sandbox and a real HTTP site, with each thing broken in turn."""

import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from django.core.management import CommandError, call_command
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
)
from django.core.wsgi import get_wsgi_application

from calls.gateway import addresses
from calls.models import PhoneNumber, UnroutedEvent
from calls.services.setup import rules
from calls.services.setup.findings import Verdict
from contacts.services import create_contact
from sandbox.config import Application, Number
from sandbox.telephony.recordings import Recording
from sandbox.tests.harness import ACCOUNT, APP, KEY, SECRET, TOKEN, Box
from tenants.fence.context import tenant_transaction

NOWHERE = "http://127.0.0.1:9"  # where nobody listens
ACME_NUMBER, BOREALIS_NUMBER = "+14155550199", "+442079460199"  # the cast's


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@dataclass
class PublicSite:
    """Our application on a port, behind a proxy that a test can spoil."""

    url: str = ""
    change: Callable[[WSGIEnvironment], None] = lambda environ: None
    answer: str = ""  # a status line instead of ours
    headers: list[tuple[str, str]] = field(default_factory=list)
    # Not voip_crm.wsgi, which refuses the tests' own database session: it can become the owner.
    application: Any = field(default_factory=get_wsgi_application)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Any:
        if self.answer and environ["REQUEST_METHOD"] == "POST":
            start(self.answer, self.headers)
            return [b""]
        self.change(environ)
        return self.application(environ, start)


@pytest.fixture
def public() -> Iterator[PublicSite]:
    site = PublicSite()
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(site)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(str(tmp_path_factory.mktemp("sandbox")))
    yield box
    box.close()


@pytest.fixture
def box(
    running_box: Box, public: PublicSite, cast: Any, settings: Any, tmp_path: Path
) -> Iterator[Box]:
    """Everything is right: the account, our numbers with their SIDs, a protected recording."""
    settings.TWILIO_SANDBOX_URL = running_box.url
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_API_KEY_SID, settings.TWILIO_API_KEY_SECRET = KEY, SECRET
    settings.TWILIO_TWIML_APP_SID, settings.PUBLIC_BASE_URL = APP, public.url
    account = running_box.config.accounts[ACCOUNT]
    account.type, account.status, account.secondary_token = "Full", "active", ""
    account.api_keys = {KEY: SECRET}
    account.applications = {APP: right_application(APP)}
    account.numbers = {}
    running_box.config.media_auth = True
    running_box.config.geo_blocked_prefixes = []
    for serial, (tenant, number) in enumerate(
        [(cast.acme, ACME_NUMBER), (cast.borealis, BOREALIS_NUMBER)]
    ):
        sid = f"PN{serial:032x}"
        account.numbers[sid] = right_number(sid, number, tenant)
        with tenant_transaction(tenant.pk):
            PhoneNumber.objects.filter(number=number).update(account_sid=ACCOUNT, twilio_sid=sid)
    running_box.server.exchange.recorder.recordings.clear()
    finished_recording(running_box, tmp_path)
    yield running_box
    running_box.reset()


def right_number(sid: str, number: str, tenant: Any) -> Number:
    ours = addresses.of_number(tenant.pk)
    return Number(
        sid,
        number,
        voice_url=ours.called,
        voice_fallback_url=ours.fallback,
        status_callback=ours.status,
    )


def right_application(sid: str) -> Application:
    return Application(
        sid, voice_url=addresses.voice_requests(), status_callback=addresses.agent_status()
    )


def finished_recording(box: Box, folder: Path) -> None:
    """A completed recording of the account, made without a call."""
    path = folder / "one.wav"
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(b"\0\0" * 800)
    recording = Recording(
        box.config.accounts[ACCOUNT], "CA" + "1" * 32, None, "OutboundAPI", 1, box.url
    )
    recording.path, recording.status, recording.duration = path, "completed", 1
    box.server.exchange.recorder.recordings[recording.sid] = recording


@dataclass
class Report:
    findings: list[dict[str, Any]]
    repaired: list[str]
    is_right: bool
    failed: bool

    def wrong(self) -> set[str]:
        return {one["check"] for one in self.findings if one["verdict"] == "wrong"}

    def of(self, check: str) -> dict[str, Any]:
        found = [one for one in self.findings if one["check"] == check]
        found.sort(key=lambda one: one["verdict"] != "wrong")
        assert found, f"nothing was said of {check}: {self.findings}"
        return found[0]


def doctor(*options: str) -> Report:
    out = io.StringIO()
    failed = False
    try:
        call_command("twilio_doctor", "--json", *options, stdout=out)
    except CommandError:
        failed = True
    said = json.loads(out.getvalue())
    report = Report(said["findings"], said["repaired"], said["is_right"], failed)
    assert report.failed == bool(report.wrong()) == (not report.is_right)
    return report


# --- everything right --------------------------------------------------------------------------


def test_nothing_is_wrong_when_all_is_right(box: Box) -> None:
    report = doctor()
    assert report.is_right and not report.repaired
    assert {one["check"] for one in report.findings} == {
        "base_url",
        "settings",
        "public_url",
        "signature",
        "credentials",
        "account",
        "clock",
        "api_key",
        "access_token",
        "twiml_app",
        "number",
        "callers",
        "media",
        "countries",
        "kept_aside",
    }
    assert {one["verdict"] for one in report.findings} == {"right"}
    assert "GB, US" in report.of("countries")["says"]


def test_apply_on_a_right_set_up_changes_nothing(box: Box) -> None:
    before = str(box.config.accounts)
    assert doctor("--apply").repaired == []
    assert str(box.config.accounts) == before


def test_a_persons_report_says_why_and_what_to_do_and_that_it_is_the_sandbox(box: Box) -> None:
    box.config.media_auth = False
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 thing is wrong"):
        call_command("twilio_doctor", stdout=out)
    said = out.getvalue()
    assert said.startswith(f"Asking the sandbox at {box.url}, not Twilio.")
    assert "wrong   media: Anyone" in said and "Why: " in said and "Do: " in said
    assert "right   credentials: " in said


@pytest.mark.parametrize("token", [TOKEN, "e" * 32])
def test_neither_token_nor_secret_is_ever_said(box: Box, settings: Any, token: str) -> None:
    settings.TWILIO_AUTH_TOKEN = token
    box.config.accounts[ACCOUNT].applications.clear()
    out = io.StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("twilio_doctor", stdout=out)
    said = out.getvalue() + str(failure.value)
    assert ACCOUNT in said and token not in said and SECRET not in said


def test_an_unknown_workspace_is_an_error_that_names_the_known(box: Box) -> None:
    with pytest.raises(CommandError, match="Known: acme, borealis"):
        call_command("twilio_doctor", "--workspace", "nowhere")


# --- one thing wrong -----------------------------------------------------------------------------


@dataclass
class Broken:
    box: Box
    settings: Any
    public: PublicSite

    @property
    def account(self) -> Any:
        return self.box.config.accounts[ACCOUNT]


def wrong_token(it: Broken) -> None:
    it.settings.TWILIO_AUTH_TOKEN = "f" * 32


def secondary_token(it: Broken) -> None:
    it.account.secondary_token = it.settings.TWILIO_AUTH_TOKEN = "e" * 32


def suspended(it: Broken) -> None:
    it.account.status = "suspended"


def trial(it: Broken) -> None:
    it.account.type = "Trial"


def foreign_key(it: Broken) -> None:
    it.settings.TWILIO_API_KEY_SID = "SK" + "9" * 32


def wrong_secret(it: Broken) -> None:
    it.settings.TWILIO_API_KEY_SECRET = "nothing"


def no_secret(it: Broken) -> None:
    it.settings.TWILIO_API_KEY_SECRET = ""


def swapped_sids(it: Broken) -> None:
    it.settings.TWILIO_ACCOUNT_SID, it.settings.TWILIO_API_KEY_SID = KEY, ACCOUNT


def no_app(it: Broken) -> None:
    it.account.applications.clear()


def app_not_named(it: Broken) -> None:
    it.settings.TWILIO_TWIML_APP_SID = ""


def app_asks_elsewhere(it: Broken) -> None:
    it.account.applications[APP].voice_url = "https://demo.twilio.com/welcome/voice/"


def app_asks_without_retries(it: Broken) -> None:
    it.account.applications[APP].voice_url = addresses.voice_requests().partition("#")[0]


def app_asks_by_get(it: Broken) -> None:
    it.account.applications[APP].voice_method = "GET"


def app_tells_nobody(it: Broken) -> None:
    it.account.applications[APP].status_callback = ""


def number_gone(it: Broken) -> None:
    it.account.numbers.popitem()


def underscore(it: Broken) -> None:
    it.settings.PUBLIC_BASE_URL = "http://my_crm.localhost:9"


def path_in_base(it: Broken) -> None:
    it.settings.PUBLIC_BASE_URL = it.public.url + "/crm"


def site_down(it: Broken) -> None:
    it.settings.PUBLIC_BASE_URL = NOWHERE


def proxy_adds_a_slash(it: Broken) -> None:
    def add(environ: WSGIEnvironment) -> None:
        if environ["REQUEST_METHOD"] == "POST":
            environ["PATH_INFO"] += "/"

    it.public.change = add


def proxy_redirects(it: Broken) -> None:
    it.public.answer, it.public.headers = "301 Moved", [("Location", "https://crm.example/")]


def anything_goes(it: Broken) -> None:
    it.public.answer, it.public.headers = "200 OK", [("Content-Type", "text/xml")]


def media_open(it: Broken) -> None:
    it.box.config.media_auth = False


def countries_closed(it: Broken) -> None:
    it.box.config.geo_blocked_prefixes = ["+44"]


BREAKS: list[tuple[Callable[[Broken], None], str, str]] = [
    (wrong_token, "credentials", "does not accept TWILIO_AUTH_TOKEN"),
    (secondary_token, "credentials", "secondary token"),
    (suspended, "credentials", "suspended"),
    (trial, "account", "trial"),
    (foreign_key, "api_key", "has no API key SK999"),
    (wrong_secret, "api_key", "does not accept"),
    (no_secret, "settings", "TWILIO_API_KEY_SECRET"),
    (swapped_sids, "settings", "TWILIO_ACCOUNT_SID, TWILIO_API_KEY_SID"),
    (no_app, "twiml_app", f"no TwiML application {APP}"),
    (app_not_named, "twiml_app", f"{APP} has our addresses"),
    (app_asks_elsewhere, "twiml_app", "voice_url is “https://demo.twilio.com"),
    (app_asks_without_retries, "twiml_app", "voice_url is"),
    (app_asks_by_get, "twiml_app", "voice_method is “GET”"),
    (app_tells_nobody, "twiml_app", "status_callback is “”"),
    (number_gone, "number", f"borealis: the account does not own {BOREALIS_NUMBER}"),
    (underscore, "base_url", "underscore"),
    (path_in_base, "base_url", "more than scheme and host"),
    (site_down, "public_url", "no connection"),
    (proxy_adds_a_slash, "signature", "refuses a request that we signed"),
    (proxy_redirects, "signature", "sending on to https://crm.example/"),
    (anything_goes, "signature", "without a signature"),
    (media_open, "media", "Anyone"),
    (countries_closed, "countries", "may not call GB"),
]


@pytest.mark.parametrize(
    ("spoil", "check", "says"), BREAKS, ids=lambda x: getattr(x, "__name__", "")
)
def test_what_is_broken_is_named_with_why_and_what_to_do(
    box: Box,
    settings: Any,
    public: PublicSite,
    spoil: Callable[[Broken], None],
    check: str,
    says: str,
) -> None:
    assert doctor().is_right
    spoil(Broken(box, settings, public))
    report = doctor()
    assert check in report.wrong()
    finding = report.of(check)
    assert says in finding["says"] and finding["why"] and finding["do"]


def test_one_workspaces_report_leaves_the_others_numbers_out(box: Box, settings: Any) -> None:
    number_gone(Broken(box, settings, PublicSite()))
    assert doctor("--workspace", "acme").is_right
    assert doctor("--workspace", "borealis").wrong() == {"number"}


def test_a_workspace_without_a_number_cannot_call(box: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    assert "assign_number acme" in doctor().of("number")["do"]


def test_twilio_out_of_reach_is_unknown_not_wrong(box: Box) -> None:
    box.fault("rest-drop", times=1000)
    report = doctor()
    assert report.is_right
    assert {report.of(check)["verdict"] for check in ("credentials", "api_key")} == {"unknown"}
    assert report.of("signature")["verdict"] == "right"


def test_a_sandbox_that_is_not_there_is_all_that_is_said(box: Box, settings: Any) -> None:
    settings.TWILIO_SANDBOX_URL = NOWHERE
    (finding,) = doctor().findings
    assert (finding["check"], finding["verdict"]) == ("sandbox", "wrong")
    assert "./run" in finding["do"]


def test_media_without_a_recording_and_unlisted_countries_are_unknown(box: Box, cast: Any) -> None:
    box.server.exchange.recorder.recordings.clear()
    with tenant_transaction(cast.acme.pk):
        create_contact(cast.acme, name="Far", numbers=[("+6565551234", "")])
    report = doctor()
    assert report.is_right
    assert report.of("media")["verdict"] == "unknown"
    unknown = [one["says"] for one in report.findings if one["verdict"] == "unknown"]
    assert any("does not tell: SG" in says for says in unknown)


def test_callbacks_that_were_bound_to_no_call_are_shown_with_their_reason(box: Box) -> None:
    assert doctor().of("kept_aside")["says"] == "Every callback was bound to its call."
    for serial, reason in enumerate(["no such leg", "no such leg", "no such room"]):
        UnroutedEvent.objects.create(
            key=f"{serial}", account_sid=ACCOUNT, reason=reason, payload={"From": "+14155550100"}
        )
    UnroutedEvent.objects.update(received_at=datetime(2026, 11, 22, 12, 30, tzinfo=UTC))
    report = doctor()
    said = report.of("kept_aside")
    assert report.is_right and said["verdict"] == "unknown"
    newest = "the newest of 2026-11-22 12:30 UTC"
    assert said["says"] == (
        f"Callbacks that were bound to no call: 2 of {ACCOUNT} (no such leg), {newest}; "
        f"1 of {ACCOUNT} (no such room), {newest}."
    )


def test_an_examination_writes_nothing_at_twilio_nor_here(box: Box, settings: Any) -> None:
    no_app(Broken(box, settings, PublicSite()))
    since = len(box.inspect("wire")["entries"])
    doctor()
    asked = [e for e in box.inspect("wire")["entries"][since:] if e["kind"] == "rest"]
    assert asked and {entry["method"] for entry in asked} == {"GET"}


# --- repairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [app_asks_elsewhere, app_asks_without_retries, app_asks_by_get, app_tells_nobody],
    ids=lambda spoil: spoil.__name__,
)
def test_apply_gives_the_application_our_addresses(
    box: Box, settings: Any, public: PublicSite, spoil: Callable[[Broken], None]
) -> None:
    spoil(Broken(box, settings, public))
    assert doctor().of("twiml_app")["repairable"]
    report = doctor("--apply")
    assert report.is_right and report.repaired == [f"twiml_app: {APP} has our addresses now."]
    app, right = box.config.accounts[ACCOUNT].applications[APP], right_application(APP)
    assert (app.voice_url, app.voice_method) == (right.voice_url, "POST")
    assert (app.status_callback, app.status_callback_method) == (right.status_callback, "POST")


def test_apply_makes_a_missing_application_once_and_says_its_sid(box: Box, settings: Any) -> None:
    no_app(Broken(box, settings, PublicSite()))
    report = doctor("--apply")
    (made,) = box.config.accounts[ACCOUNT].applications
    assert made in report.repaired[0]
    assert f"TWILIO_TWIML_APP_SID={made}" in report.of("twiml_app")["do"]
    assert doctor("--apply").repaired == []
    assert set(box.config.accounts[ACCOUNT].applications) == {made}
    settings.TWILIO_TWIML_APP_SID = made
    assert doctor().is_right


@pytest.mark.parametrize("change", [{"twilio_sid": ""}, {"account_sid": "AC" + "0" * 32}])
def test_apply_notes_a_number_under_its_account_and_sid(
    box: Box, cast: Any, change: dict[str, str]
) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.update(**change)
    assert doctor().wrong() == {"number"}
    report = doctor("--apply")
    assert report.is_right and "acme: +14155550199 is noted" in report.repaired[0]
    with tenant_transaction(cast.acme.pk):
        row = PhoneNumber.objects.get()
    assert (row.account_sid, row.twilio_sid) == (ACCOUNT, f"PN{0:032x}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"voice_url": "", "voice_fallback_url": ""}, "reaches nothing"),
        ({"voice_url": "https://demo.twilio.com/welcome/voice/"}, "reaches nothing"),
        ({"voice_fallback_url": ""}, "voice_fallback_url is “”"),
        ({"status_callback": ""}, "status_callback is “”"),
        ({"voice_method": "GET"}, "voice_method is “GET”"),
        ({"voice_url": "BOREALIS"}, "reaches another workspace"),
    ],
)
def test_apply_leads_the_callers_of_a_number_here(
    box: Box, cast: Any, change: dict[str, str], says: str
) -> None:
    number = box.config.accounts[ACCOUNT].numbers[f"PN{0:032x}"]
    right = vars(number).copy()
    for name, value in change.items():
        other = addresses.number_called(cast.borealis.pk)
        setattr(number, name, other if value == "BOREALIS" else value)
    report = doctor()
    assert report.wrong() == {"callers"}
    (finding,) = [each for each in report.findings if says in each["says"]]
    assert finding["repairable"] and "point_number acme +14155550199" in finding["do"]
    report = doctor("--apply")
    assert report.is_right
    assert report.repaired == ["callers: acme: +14155550199 leads to the workspace now."]
    assert vars(number) == right


def test_a_number_that_leads_elsewhere_is_left_there(box: Box) -> None:
    number = box.config.accounts[ACCOUNT].numbers[f"PN{0:032x}"]
    number.voice_url = "https://pbx.example/voice"
    report = doctor("--apply")
    (finding,) = [each for each in report.findings if "pbx.example" in each["says"]]
    assert finding["verdict"] == "unknown" and not finding["repairable"]
    assert "point_number acme" in finding["do"]
    assert number.voice_url == "https://pbx.example/voice"


def test_a_repair_that_twilio_refuses_is_said_and_stays_wrong(box: Box, settings: Any) -> None:
    app_tells_nobody(Broken(box, settings, PublicSite()))
    box.fault("rest-error", match="POST /2010-04-01", status=400, code=21609)
    report = doctor("--apply")
    assert report.wrong() == {"twiml_app"} and "could not be repaired" in report.repaired[0]


# --- rules that no sandbox can show ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://crm.example.com", ""),
        ("https://203.0.113.9", "of this machine or network"),
        ("https://8.8.8.8:8443", ""),
        ("http://crm.example.com", "not https"),
        ("https://localhost", "of this machine"),
        ("https://127.0.0.1", "of this machine"),
        ("https://crm.internal", "of this machine"),
        ("https://crm_1.example.com", "underscore"),
        ("https://crm.example.com/app", "more than"),
        ("https://u:p@crm.example.com", "more than"),
        ("crm.example.com", "no address"),
        ("", "no address"),
    ],
)
def test_a_real_account_needs_an_https_address_that_the_internet_knows(url: str, says: str) -> None:
    finding = rules.judge_base_url(url, sandbox=False)
    assert (finding.verdict == Verdict.RIGHT) == (not says) and says in finding.says


@pytest.mark.parametrize(
    ("skew", "verdict"),
    [(0, "right"), (24, "right"), (26, "wrong"), (-299, "right"), (-301, "wrong")],
)
def test_a_clock_that_spoils_tokens_is_wrong(skew: float, verdict: str) -> None:
    assert rules.judge_clock(skew).verdict == verdict


def test_this_machines_clock_is_compared_with_twilios(box: Box, monkeypatch: Any) -> None:
    fast = SimpleNamespace(time=lambda: time.time() + 3600)
    monkeypatch.setattr("calls.gateway.setup.time", fast)
    report = doctor()
    assert "s ahead of Twilio's" in report.of("clock")["says"] and "clock" in report.wrong()


# --- the running product -------------------------------------------------------------------------


def test_the_running_product_is_right_but_not_under_another_name(
    site: Any, committed_cast: Any, settings: Any
) -> None:
    doctor("--apply")  # its sandbox knows nothing of the workspaces of this test
    assert doctor().is_right
    # Its processes go on with the address that they were started with.
    settings.PUBLIC_BASE_URL = settings.PUBLIC_BASE_URL.replace("localhost", "127.0.0.1")
    report = doctor()
    assert report.wrong() == {"signature", "twiml_app"}
    assert "same PUBLIC_BASE_URL" in report.of("signature")["do"]
