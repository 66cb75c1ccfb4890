"""The doctor: looks at the Twilio set-up piece by piece; `rules` says what it means.

Talks to Twilio and to our own public address, so never inside a transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from django.conf import settings
from django.db.models import Count, Max

from calls import gateway
from calls.gateway import NumberFacts, TwilioError, TwilioRefused, addresses
from calls.gateway.accounts import (
    TwilioAccount,
    TwilioNotConfigured,
    account_of,
    environment_account,
    sid_of,
)
from calls.models import PhoneNumber, UnroutedEvent
from calls.services.callbacks.routing import NOT_LET_IN
from calls.services.setup import number_rules, numbers, own_accounts, rules
from calls.services.setup.findings import Finding, Verdict, unasked
from contacts.countries import countries_called
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant


def examine(workspaces: Sequence[Tenant]) -> Iterator[Finding]:
    """Every finding, as it is made. Changes nothing; a finding's `repair` does.

    The shared account is looked at when one of the workspaces uses it, or none is given.
    """
    if settings.TWILIO_SANDBOX_URL:
        sandbox = rules.judge_sandbox(
            settings.TWILIO_SANDBOX_URL,
            gateway.ask_site(f"{settings.TWILIO_SANDBOX_URL}/sandbox/health"),
        )
        if sandbox.verdict == Verdict.WRONG:
            yield sandbox
            return  # nothing below could be asked
    shared = environment_account()
    sharing = [each for each in workspaces if sid_of(each.pk) == shared.sid]
    yield rules.judge_base_url(settings.PUBLIC_BASE_URL, sandbox=bool(settings.TWILIO_SANDBOX_URL))
    yield _reach()
    if sharing or not workspaces:
        given = rules.judge_settings(shared)
        yield given
        if given.verdict == Verdict.RIGHT:
            yield from _examine(shared, sharing)
    for workspace in workspaces:
        if workspace in sharing:
            continue
        try:
            own = account_of(workspace.pk)
        except TwilioNotConfigured as error:
            yield rules.judge_unreadable(workspace.slug, str(error))
        else:
            yield from _examine(own, [workspace])
    yield _kept_aside()


def _examine(account: TwilioAccount, workspaces: Sequence[Tenant]) -> Iterator[Finding]:
    """One account, and the workspaces that call by it."""
    yield from _round_trip(account)
    yield from _account(account)
    key = _api_key(account)
    yield key
    if key.verdict != Verdict.RIGHT:
        return  # everything below is asked with the key
    yield _token(account)
    yield _asked("twiml_app", partial(_application, account, workspaces))
    for workspace in workspaces:
        yield from _numbers(account, workspace)
    yield _asked("media", lambda: rules.judge_media(gateway.media_is_open(account)))
    yield from _countries(account, workspaces)


def _kept_aside() -> Finding:
    """Callbacks that were bound to no call, of every account: they belong to no workspace. Those of
    browsers that we refused are as they should be.
    """
    kept = UnroutedEvent.objects.exclude(reason=NOT_LET_IN)
    found = kept.values("account_sid", "reason").order_by("account_sid", "reason")
    counted = [
        f"{each['count']} of {each['account_sid']} ({each['reason']}), the newest of "
        f"{each['newest']:%Y-%m-%d %H:%M} UTC"
        for each in found.annotate(count=Count("pk"), newest=Max("received_at"))
    ]
    if not counted:
        return Finding("kept_aside", Verdict.RIGHT, "Every callback was bound to its call.")
    return Finding(
        "kept_aside",
        Verdict.UNKNOWN,
        f"Callbacks that were bound to no call: {'; '.join(counted)}.",
        why="What came before its call is bound by the sweep. What remains is about calls made "
        "elsewhere with this account, about a workspace, account or call that is gone, or made up "
        "by someone who has its token. It is dropped after a week.",
        do="If you expect none of these, look at them in the admin, under Events kept aside.",
    )


def _asked(check: str, ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except TwilioError as error:
        return unasked(check, error)


def _reach() -> Finding:
    url = f"{settings.PUBLIC_BASE_URL}/healthz"
    return rules.judge_reach(url, gateway.ask_site(url))


def _round_trip(account: TwilioAccount) -> Iterator[Finding]:
    """Ask our voice webhook for a client that does not exist: it stores nothing then."""
    url = addresses.voice_requests(account.tenant_id)
    form = {
        "AccountSid": account.sid,
        "ApiVersion": "2010-04-01",
        "CallSid": f"CA{0:032x}",
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": "client:twilio-doctor",
        "To": "",
    }
    signed = gateway.post_as_twilio(account, url, form, signed=True)
    unsigned = gateway.post_as_twilio(account, url, form, signed=False)
    yield rules.judge_round_trip(url.partition("#")[0], signed, unsigned)


def _account(account: TwilioAccount) -> Iterator[Finding]:
    try:
        facts = gateway.fetch_account(account)
    except TwilioError as error:
        if isinstance(error, TwilioRefused) and error.status in (401, 403, 404):
            yield rules.judge_credentials(account, error)
        else:
            yield unasked("credentials", error)
        return
    yield rules.judge_credentials(account, facts)
    yield rules.judge_account(facts)
    yield rules.judge_clock(facts.skew)


def _api_key(account: TwilioAccount) -> Finding:
    try:
        is_ours: bool | None = gateway.api_key_is_of(account)
    except TwilioError:
        is_ours = None
    try:
        gateway.use_api_key(account)
    except TwilioRefused as refusal:
        return rules.judge_api_key(account, refusal=refusal, is_ours=is_ours)
    except TwilioError as error:
        return unasked("api_key", error)
    return rules.judge_api_key(account, refusal=None, is_ours=is_ours)


def _token(account: TwilioAccount) -> Finding:
    says = f"{len(gateway.access_token(account, 'twilio-doctor'))} characters, "
    says += "valid ten minutes. Twilio looks at one when a browser connects."
    return Finding("access_token", Verdict.RIGHT, f"A browser's token can be made: {says}")


def _application(account: TwilioAccount, workspaces: Sequence[Tenant]) -> Finding:
    wanted = own_accounts.application_settings(account)
    sid = account.twiml_app_sid
    found = gateway.fetch_application(account) if sid else None
    others = gateway.applications(account) if found is None else []
    finding = rules.judge_application(sid, found, wanted, others)
    if finding.verdict == Verdict.RIGHT:
        return finding

    def update() -> str:
        gateway.update_application(account, sid, wanted)
        return f"{sid} has our addresses now."

    def create() -> str:
        made = gateway.create_application(account, own_accounts.APPLICATION_NAME, wanted)
        if account.tenant_id is not None:
            own_accounts.note_application(workspaces[0], made)
            return f"{made} was made with our addresses."
        return f"{made} was made with our addresses. Set TWILIO_TWIML_APP_SID={made} and restart."

    if found is not None:
        return replace(finding, repair=update)
    # One that has our addresses already needs no second one, only to be named.
    is_there = any(other.settings == wanted for other in others)
    return finding if is_there else replace(finding, repair=create)


def _numbers(account: TwilioAccount, workspace: Tenant) -> Iterator[Finding]:
    with tenant_transaction(workspace.pk):
        rows = list(PhoneNumber.objects.all())
    if not rows:
        yield number_rules.judge_no_number(workspace.slug)
    for row in rows:
        try:
            found = gateway.find_number(account, row.number)
        except TwilioError as error:
            yield unasked("number", error)
            continue
        yield _number(account, workspace, row, found)
        if found is not None and found.can_call:
            yield _callers(account, workspace, found)


def _number(
    account: TwilioAccount, workspace: Tenant, row: PhoneNumber, found: NumberFacts | None
) -> Finding:
    if found is None and row.account_sid != account.sid and account.tenant_id is not None:
        says = f"{workspace.slug}: {row.number} is of an account used before, and not offered."
        return Finding("number", Verdict.RIGHT, says)
    is_noted = found is not None and (row.account_sid, row.twilio_sid) == (account.sid, found.sid)
    finding = number_rules.judge_number(workspace.slug, row.number, found, is_noted=is_noted)

    def note() -> str:
        try:
            numbers.assign_number(workspace, number=row.number, account=account)
        except (numbers.NumberTaken, numbers.NumberNotOwned) as error:
            return f"{workspace.slug}: {error} Nothing was changed."
        return f"{workspace.slug}: {row.number} is noted under its account and SID now."

    is_mendable = found is not None and found.can_call and not is_noted
    return replace(finding, repair=note) if is_mendable else finding


def _callers(account: TwilioAccount, workspace: Tenant, found: NumberFacts) -> Finding:
    wanted, leads = gateway.number_settings(workspace.pk), found.leads(workspace.pk)
    finding = number_rules.judge_callers(workspace.slug, found, wanted, leads)

    def point() -> str:
        gateway.point_number(account, found, workspace.pk)
        return f"{workspace.slug}: {found.number} leads to the workspace now."

    return replace(finding, repair=point) if finding.verdict == Verdict.WRONG else finding


def _countries(account: TwilioAccount, workspaces: Sequence[Tenant]) -> Iterator[Finding]:
    countries: set[str] = set()
    for workspace in workspaces:
        with tenant_transaction(workspace.pk):
            countries |= countries_called()
    try:
        allowed = {
            country: gateway.allows_calls_to(account, country) for country in sorted(countries)
        }
    except TwilioError as error:
        yield unasked("countries", error)
    else:
        yield from rules.judge_countries(allowed)
