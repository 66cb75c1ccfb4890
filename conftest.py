"""Fixtures for every room: the product as real processes, a browser, and no way out of here."""

import contextlib
import gc
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tenants.bricks import courier
from tenants.tests import database
from voip_crm.tests import harness
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


# --- the browser -----------------------------------------------------------------------------

SITE = pytest.StashKey[harness.Site]()
PRODUCTION = pytest.StashKey[harness.Processes]()
PAGES = pytest.StashKey[list[Any]]()
FAILED = pytest.StashKey[bool]()
FAILURES = Path(__file__).parent / "var" / "test-failures"
PATIENCE = 30_000  # milliseconds; on a busy machine news take a way through several processes
CHROME_OPTIONS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    path = os.environ.get("CHROME_BIN")
    assert path, "CHROME_BIN is not set: use ./test"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROME_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Any, site: Any
) -> Iterator[Callable[..., Any]]:
    """`open_page(**context_options)`: a page of one more person, with a microphone.

    The test fails on any console error (a CSP violation is one) and on any uncaught exception of
    its pages, unless `@pytest.mark.allow_console(pattern)` expects it.
    """
    from playwright.sync_api import Error

    said: list[str] = []
    contexts: list[Any] = []
    pages = request.node.stash.setdefault(PAGES, [])

    def open_one(**options: Any) -> Any:
        context = browser.new_context(
            **{"base_url": site.url, "permissions": ["microphone"], **options}
        )
        context.set_default_timeout(PATIENCE)
        # Cheap without pictures; kept of a test that failed (`playwright show-trace`).
        context.tracing.start(title=request.node.name)
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
        return page

    yield open_one
    for number, context in enumerate(contexts):
        has_failed = request.node.stash.get(FAILED, False)
        kept = {"path": FAILURES / f"{request.node.name}-{number}.zip"} if has_failed else {}
        with contextlib.suppress(Error):  # a test may have closed it
            context.tracing.stop(**kept)
        context.close()
    allowed = [mark.args[0] for mark in request.node.iter_markers("allow_console")]
    unexpected = [line for line in said if not any(re.search(a, line) for a in allowed)]
    assert not unexpected, "The page complained:\n" + "\n".join(unexpected)


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    return open_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """A failed test shows its processes' last lines; its pages are kept as pictures and traces."""
    report = yield
    if report.failed and (production := item.session.stash.get(PRODUCTION, None)):
        report.sections += [("log of production", production.log("honcho"))]
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
        if SITE in item.stash:
            processes = item.stash[SITE].processes
            report.sections += [(f"log of {n}", processes.log(n)) for n in processes.children]
        pages: list[Any] = item.stash[PAGES] if PAGES in item.stash else []
        for number, page in enumerate(pages):
            FAILURES.mkdir(parents=True, exist_ok=True)
            try:
                page.screenshot(path=FAILURES / f"{item.name}-{number}.png")
            except Exception as error:  # the page may be gone: that is not the failure to show
                report.sections.append(("no picture", str(error)))
    return report


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
