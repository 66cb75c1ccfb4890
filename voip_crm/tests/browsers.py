"""A browser for the tests that need one, and what is kept of a test that failed."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from voip_crm.tests import harness
from voip_crm.tests.suite import FAILURES

SITE = pytest.StashKey[harness.Site]()
PRODUCTION = pytest.StashKey[harness.Processes]()
PAGES = pytest.StashKey[list[Any]]()
FAILED = pytest.StashKey[bool]()
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
        # A quarter of Chromium's time went to drawing what moves (test_flow.py has it moved).
        usual = {"base_url": site.url, "permissions": ["microphone"], "reduced_motion": "reduce"}
        context = browser.new_context(**usual | options)
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
