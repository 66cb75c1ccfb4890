"""Fixtures for every room: the product as real processes, its cast, and no way out of here."""

import gc
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from tenants.bricks import courier
from tenants.tests import database
from voip_crm.tests import harness
from voip_crm.tests.browsers import PRODUCTION, SITE
from voip_crm.tests.environment import allowed_hosts

# A machine that stalls is no fault of an example.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Real processes use the test database; what drives a browser is marked as such."""
    fixtures = getattr(item, "fixturenames", ())
    if "site" in fixtures or "services_site" in fixtures:
        item.add_marker(pytest.mark.django_db(transaction=True))
    if "browser" in fixtures:
        item.add_marker("browser")


@pytest.hookimpl(trylast=True)  # after pytest-django has put its own order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last, because Playwright's loop, once started, keeps asyncio tests from
    running; those that need `./run` after all others, so that it is up no longer than it is needed.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        given = getattr(item, "callspec", None)
        is_embedded = given is not None and given.params.get("site") == "embedded"
        is_embedded |= "embedded_site" in getattr(item, "fixturenames", ())
        return item.get_closest_marker("browser") is not None, is_embedded

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What has been imported stays: there is nothing in it to collect, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def no_internet() -> Iterator[None]:
    """A connection beyond this machine (and the services given by URL) raises."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    allowed = allowed_hosts()

    def checked(method: Any) -> Any:
        def guard(sock: socket.socket, address: Any) -> Any:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                host = address[0]
                if host not in allowed and not host.startswith("127."):
                    raise RuntimeError(f"A test tried to reach {host}; tests stay on this machine.")
            return method(sock, address)

        return guard

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", checked(connect))
    patch.setattr(socket.socket, "connect_ex", checked(connect_ex))
    yield
    patch.undo()


# --- the database ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The owner makes and migrates the test database; see `django_db_setup`."""
    database.be_patient()
    database.sign_in_as_owner()
    database.copy_the_migrated_one()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tests act as the application's role, which owns nothing."""
    with django_db_blocker.unblock():
        database.act_as_application()
        database.let_sqlite_empty_tables()
    with database.flush_as_owner():
        yield
    with django_db_blocker.unblock():
        database.sign_in_as_owner()


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, settings: Any) -> None:
    """Where all is in this process, a password is checked at once. The product's processes would
    write it anew, slow again, at the first sign-in, which ends the sessions that a test has made.
    """
    if not {"services_site", "embedded_site", "site", "world"}.intersection(request.fixturenames):
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def everybody_is_asked() -> None:
    """What one test has let hang is no fault of the next one."""
    from calls.gateway import client

    courier.redis.forget()
    client.hangs.forget()


# --- the product -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def services_site(django_db_setup: None, django_db_blocker: Any) -> Iterator[harness.Site]:
    """Paused but while a test uses it through `site`."""
    with django_db_blocker.unblock(), harness.services_site() as site:
        site.pause()
        yield site


@pytest.fixture(scope="session")
def embedded_site() -> Iterator[harness.Site]:
    with harness.embedded_site() as site:
        yield site


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[harness.Site]:
    """The product on PostgreSQL and Redis with an empty database (add the cast or the demo), or,
    with `parametrize("site", ["embedded"], indirect=True)`, `./run` with its demo.
    """
    kind = getattr(request, "param", "services")
    found: harness.Site = request.getfixturevalue(f"{kind}_site")
    request.node.stash[SITE] = found
    found.resume()
    found.sandbox.clear_faults()
    yield found
    try:
        found.sandbox.clear_faults()
        found.sandbox.end_all_calls()
        harness.wait_until(found.sandbox.is_idle)
    finally:
        if kind == "services":
            found.pause()


@pytest.fixture
def sandbox(site: harness.Site) -> harness.SandboxClient:
    return site.sandbox


@pytest.fixture(scope="session")
def production(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The Procfile's processes (voip_crm/tests/production.py), until test_production_stop.py."""
    from voip_crm.tests.production import running

    if not os.environ["DATABASE_URL"].startswith("postgres"):
        pytest.fail("production needs PostgreSQL: use ./test")
    with running() as site:
        request.session.stash[PRODUCTION] = site.processes
        yield site
    del request.session.stash[PRODUCTION]


@pytest.fixture
def bob(production: Any) -> Any:
    """Bob's browser in production, without JavaScript: a `requests.Session`."""
    return production.sign_in()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(lambda: …, seconds=30)`: the first true answer; fails when none comes."""
    return harness.wait_until


# --- the cast --------------------------------------------------------------------------------


@pytest.fixture
def cast(db: None) -> Any:
    """Alice and Bob of Acme, Charlie of Borealis (voip_crm/tests/cast.py)."""
    from voip_crm.tests.cast import build

    return build()


@pytest.fixture
def committed_cast(transactional_db: None) -> Any:
    """The cast, committed: for other processes, and for constraints that speak at commit."""
    from voip_crm.tests.cast import build

    return build()


@pytest.fixture
def staff(cast: Any, client: Any) -> Any:
    """Django's test client as Alice of Acme, to whom the admin allows all that a permission can."""
    from django.contrib.auth.models import Permission

    alice = cast.alice.user
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.all())
    client.force_login(alice)
    return client


@pytest.fixture
def signed_in(client: Any) -> Callable[[Any], Any]:
    """`signed_in(cast.bob)`: Django's test client with this member's session."""

    def sign_in(member: Any) -> Any:
        client.force_login(member.user)
        return client

    return sign_in
