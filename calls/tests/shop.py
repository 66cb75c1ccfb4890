"""A shop with numbers: the sandbox in this process, and two workspaces that share its account."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from calls.gateway import addresses
from calls.models import OwnAccount, PhoneNumber
from sandbox.config import Number
from sandbox.telephony.stock import Stock
from sandbox.tests.harness import (
    ACCOUNT,
    APP,
    KEY,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    SECRET,
    TOKEN,
    Box,
)
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

OTHER_KEY = "SK" + "2" * 32


@pytest.fixture(scope="module")
def shop_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(str(tmp_path_factory.mktemp("sandbox")))
    yield box
    box.close()


@pytest.fixture
def shop(shop_box: Box, cast: Any, settings: Any) -> Iterator[Box]:
    """The shared account holds the number of each workspace, which leads to it, and nothing else.
    A second account is there to be somebody's own (`own_account`).
    """
    yield from _furnished(shop_box, cast, settings)


@pytest.fixture
def committed_shop(shop_box: Box, committed_cast: Any, settings: Any) -> Iterator[Box]:
    """The same for several threads."""
    yield from _furnished(shop_box, committed_cast, settings)


def _furnished(shop_box: Box, cast: Any, settings: Any) -> Iterator[Box]:
    settings.TWILIO_SANDBOX_URL = shop_box.url
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_API_KEY_SID, settings.TWILIO_API_KEY_SECRET = KEY, SECRET
    settings.TWILIO_TWIML_APP_SID = APP
    for account in shop_box.config.accounts.values():
        account.numbers, account.addresses, account.bundles = {}, {}, {}
    for tenant in (cast.acme, cast.borealis):
        with tenant_transaction(tenant.pk):
            PhoneNumber.objects.update(account_sid=ACCOUNT)
            row = PhoneNumber.objects.get()
        held(shop_box, row.number, tenant, pn=row.twilio_sid)
    shop_box.server.exchange.stock = Stock(shop_box.config.accounts)
    yield shop_box
    shop_box.reset()


def held(
    box: Box, number: str, tenant: Any = None, *, account: str = ACCOUNT, pn: str = "", **more: Any
) -> Number:
    """A number that the account holds; it leads to `tenant`, or nowhere."""
    names = ("voice_url", "voice_fallback_url", "status_callback")
    leads = dict(zip(names, addresses.of_number(tenant.pk), strict=True)) if tenant else {}
    made = Number(pn or f"PN{uuid.uuid4().hex}", number, **(leads | more))
    box.config.accounts[account].numbers[made.sid] = made
    return made


def own_account(box: Box, tenant: Any) -> None:
    """The workspace calls by the second account from now on."""
    box.config.accounts[OTHER_ACCOUNT].api_keys = {OTHER_KEY: SECRET}
    with tenant_transaction(tenant.pk):
        OwnAccount.objects.create(
            tenant=tenant,
            sid=OTHER_ACCOUNT,
            auth_token=OTHER_TOKEN,
            api_key_sid=OTHER_KEY,
            api_key_secret=SECRET,
            twiml_app_sid=APP,
        )


def writes(box: Box) -> int:
    """How many requests that change something the sandbox has had."""
    entries = box.inspect("wire")["entries"]
    return sum(e["kind"] == "rest" and e["method"] in ("POST", "DELETE") for e in entries)


def numbers_of(tenant: Any) -> dict[str, bool]:
    """The workspace's numbers, and which is the default."""
    with tenant_transaction(tenant.pk):
        rows = PhoneNumber.objects.order_by("number").values_list("number", "is_default")
        return dict(rows)


def trail(tenant: Any) -> list[tuple[str, str]]:
    """(action, what it is about) of the workspace's audit trail about numbers, oldest first."""
    with tenant_transaction(tenant.pk):
        rows = AuditEntry.objects.filter(action__startswith="number_").order_by("at", "id")
        return list(rows.values_list("action", "object_label"))
