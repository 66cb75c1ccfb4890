"""Each of the most important guards, broken by hand: a named test notices.

The short form of `./test mutation` (mutation.py). The same tests pass when nothing is broken: they
run in the suite themselves.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import DatabaseError, connection
from twilio.request_validator import RequestValidator

from calls.tests.conftest import dialled, waiting, webhook  # noqa: F401  # fixtures
from calls.tests.gateway import test_secrets
from calls.tests.gateway.test_secrets import own  # noqa: F401  # a fixture
from calls.tests.webhooks import test_forged_webhooks, test_webhooks
from calls.tests.webhooks.test_forged_webhooks import three  # noqa: F401  # a fixture
from tenants import doors
from tenants.fence import roles, scoping
from tenants.fence.context import CrossTenantWrite
from tenants.tests.database import everything_visible
from tenants.tests.fence import test_doors, test_row_level_security, test_scoping
from voip_crm.tests import mutation, statements


@dataclass(frozen=True)
class Guard:
    """How it is broken: a mutant (its file, and how its name begins) or a function; the test that
    notices, and its parameters.
    """

    broken: tuple[str, str] | Callable[[pytest.MonkeyPatch, Any], None]
    test: Callable[..., None]
    given: Mapping[str, str] = field(default_factory=dict)


def another_tenant(patch: pytest.MonkeyPatch, cast: Any) -> None:
    patch.setattr(scoping, "tenant_id_for_query", lambda: cast.borealis.pk)


def whoever_was_deactivated(patch: pytest.MonkeyPatch, cast: Any) -> None:
    statement = doors._statement
    patch.setattr(doors, "_statement", lambda by: statement(by).replace(" AND w.is_active", ""))


def any_signature(patch: pytest.MonkeyPatch, cast: Any) -> None:
    patch.setattr(RequestValidator, "validate", lambda *args: True)


def policy_for_everything(patch: pytest.MonkeyPatch, cast: Any) -> None:
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("ALTER POLICY contacts_contact_of_tenant ON contacts_contact USING (true)")


GUARDS = {
    "the manager without its tenant": Guard(
        ("tenants/fence/scoping.py", "TenantManager.get_queryset: super().get_queryset().filter("),
        test_scoping.test_every_entry_point_raises_outside_a_tenant,
        {"entry": "count"},
    ),
    "another tenant as the current one": Guard(
        another_tenant, test_scoping.test_each_tenant_sees_its_own_rows_and_no_others
    ),
    "a row of another tenant claimed": Guard(
        ("tenants/fence/scoping.py", "_claim: raise CrossTenantWrite"),
        test_scoping.test_a_row_of_another_tenant_is_never_written,
    ),
    "a row given to another tenant": Guard(
        ("tenants/fence/scoping.py", "TenantQuerySet.update: raise CrossTenantWrite"),
        test_scoping.test_a_row_of_another_tenant_is_never_written,
    ),
    "a query outside the transaction": Guard(
        ("tenants/fence/context.py", "tenant_id_for_query: raise TenantNotSet"),
        test_scoping.test_a_context_without_its_transaction_is_not_enough,
        {"entry": "count"},
    ),
    "one tenant entered from another": Guard(
        ("tenants/fence/context.py", "tenant_context: raise CrossTenantWrite"),
        test_scoping.test_one_tenants_work_may_not_enter_another,
    ),
    "the door for whoever was deactivated": Guard(
        whoever_was_deactivated,
        test_doors.test_whoever_is_deactivated_comes_in_nowhere,
        {"what": "membership"},
    ),
    "the door left open": Guard(
        ("tenants/fence/context.py", "door: if is_nested → if False"),
        test_row_level_security.test_a_door_shows_a_person_their_own_memberships_and_lets_nothing_be_written,
    ),
    "a policy that lets everything through": Guard(
        policy_for_everything,
        test_row_level_security.test_without_any_filter_of_ours_a_tenant_sees_its_own_rows_only,
    ),
    "any signature": Guard(
        any_signature, test_webhooks.test_a_signature_of_another_token_or_url_is_refused
    ),
    "an account that serves every workspace": Guard(
        (
            "calls/services/callbacks/routing.py",
            "named_behind: if named is None or not accounts.serves(account, named.tenant_id) → if "
            "False",
        ),
        test_forged_webhooks.test_no_account_reaches_anothers_rows_by_its_own_address,
        {"forger": "borealis", "victim": "cumulus"},
    ),
    "a former account's room": Guard(
        (
            "calls/services/rooms/progress.py",
            "_locate: if heard.account_sid not in ('', room.account_sid) → if False",
        ),
        test_forged_webhooks.test_what_was_made_with_a_former_account_is_still_heard_by_it_only,
    ),
    "a session that signs": Guard(
        ("calls/webhooks/signed_posts.py", "is_person: return "),
        test_forged_webhooks.test_a_signed_in_person_is_not_twilio,
    ),
    "a secret copied from elsewhere": Guard(
        ("tenants/bricks/secrets.py", "unseal: if sealed_for != place → if False"),
        test_secrets.test_a_ciphertext_copied_elsewhere_is_not_read_there,
        {"how": "row"},
    ),
}
# Behind a broken guard the next one may stand: the database, or the tenant that was entered.
NOTICED = (AssertionError, pytest.fail.Exception, DatabaseError, CrossTenantWrite)
ON_POSTGRESQL = {"the door left open", "a policy that lets everything through"}


@contextmanager
def broken(guard: Guard, patch: pytest.MonkeyPatch, cast: Any) -> Iterator[None]:
    with patch.context() as patched:
        if callable(guard.broken):
            guard.broken(patched, cast)
        else:
            file, start = guard.broken
            mutant = next(each for each in mutation.chosen(file) if each.name.startswith(start))
            functions, code = mutation.swappable(
                importlib.import_module(mutation.module(file)), mutant
            )
            assert functions
            for function in functions:
                patched.setattr(function, "__code__", code)
        yield


def wanted(test: Callable[..., None]) -> tuple[str, ...]:
    return test.__code__.co_varnames[: test.__code__.co_argcount]


@pytest.mark.parametrize(
    "name",
    [
        # The fixtures are asked for too late for pytest to see what database they need.
        pytest.param(
            name, marks=pytest.mark.django_db(transaction="committed_cast" in wanted(guard.test))
        )
        for name, guard in GUARDS.items()
    ],
)
def test_a_test_fails_when_this_guard_is_broken(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    guard = GUARDS[name]
    if name in ON_POSTGRESQL and not roles.application_role():
        pytest.skip("only PostgreSQL has row-level security: use ./test")
    fixtures = {
        each: request.getfixturevalue(each)
        for each in wanted(guard.test)
        if each not in guard.given
    }
    cast = fixtures.get("cast") or fixtures.get("committed_cast")
    with (
        broken(guard, monkeypatch, cast),
        pytest.raises(NOTICED),
    ):
        guard.test(**fixtures, **guard.given)
    statements.faults.clear()  # broken on purpose
