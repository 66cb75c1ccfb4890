"""Web Push in Chromium: a page makes its browser known, which is told of callers once it is closed.

The product runs in this process, with Web Push switched on and a push service of the tests' own.
Chromium has none without the Internet: what Google's would give it, an address and keys, is the
tests'; what is sent there is read with these keys, and handed to Chromium's own worker.
"""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from django.conf import settings as product
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from calls import tasks
from calls.gateway import pushes
from calls.models import AgentAvailability, PushSubscription
from calls.tests.push_service import WEB_PUSH, Browser, PushService, certificate
from calls.tests.services.inbound.floor import Floor
from tenants.fence.context import tenant_transaction
from voip_crm.tests.environment import free_port
from voip_crm.tests.harness import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# What Google would give, and that notifications are allowed, which the engine without a window says
# of no site.
GIVEN = """({ endpoint, keys }) => {
  Object.defineProperty(Notification, "permission", { get: () => "granted" });
  Notification.requestPermission = async () => "granted";
  let current = null;
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async (options) => {
    window.asked = [options.userVisibleOnly, options.applicationServerKey.length];
    current = { toJSON: () => ({ endpoint, keys }), unsubscribe: async () => { current = null; } };
    return current;
  };
}"""
SHOWN = """() => {
  self.shown = [];
  registration.showNotification = async (title, { tag, body }) => {
    shown.push([title, body, tag]);
  };
}"""


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def process_request_thread(self, *args: Any) -> None:
        try:
            super().process_request_thread(*args)
        finally:
            connections.close_all()  # of this thread


@pytest.fixture
def service(tmp_path: Path, settings: Any, monkeypatch: Any) -> Iterator[PushService]:
    made = PushService(certificate(tmp_path))
    settings.WEB_PUSH = SimpleNamespace(**{**vars(WEB_PUSH), "hosts": (made.host,)})
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.certificate))
    pushes._hangs.cache_clear()
    yield made
    made.close()


@pytest.fixture
def url(service: PushService, committed_cast: Any) -> Iterator[str]:
    """The pages, from this process."""
    from django.core.handlers.wsgi import WSGIHandler

    from voip_crm.static import with_static_wsgi

    server = Server(("localhost", free_port()), Quiet)
    server.set_app(with_static_wsgi(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def sign_in(page: Page, member: Any, url: str) -> None:
    client = Client()
    client.force_login(member.user)
    name = product.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
    page.goto("/calls")


def note(page: Page) -> Any:
    return page.locator("#availability_note")


def deliver(page: Page, url: str, said: Any) -> None:
    """What a push service hands to the worker of this site."""
    session = page.context.new_cdp_session(page)
    known: list[Any] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated", lambda e: known.extend(e["registrations"])
    )
    session.send("ServiceWorker.enable")
    wait_until(lambda: bool(known) or bool(page.evaluate("0")))
    given = {"origin": url, "registrationId": known[0]["registrationId"]}
    session.send("ServiceWorker.deliverPushMessage", {**given, "data": json.dumps(said)})


def test_a_browser_is_made_known_and_told_of_a_caller_once_its_page_is_closed(
    browser: Any, url: str, service: PushService, committed_cast: Any
) -> None:
    bob, theirs = committed_cast.bob, Browser()
    floor = Floor(committed_cast.acme)
    group = floor.group([bob], nobody="later")
    context = browser.new_context(base_url=url, permissions=["microphone", "notifications"])
    subscription = {"endpoint": service.endpoint(theirs), "keys": theirs.keys}
    context.add_init_script(f"({GIVEN})({json.dumps(subscription)})")
    page = context.new_page()
    sign_in(page, bob, url)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    assert not any("push.js" in address for address in loaded), "only once it is wanted"
    with page.expect_response("**/calls/push") as answer:
        page.get_by_role("combobox", name="Availability").select_option("Available")
    assert answer.value.status == 204
    assert page.evaluate("asked") == [True, 65]
    assert any("push.js" in address for address in loaded)
    with tenant_transaction(bob.tenant_id):
        row = PushSubscription.objects.get(user=bob.user)
    assert (row.endpoint, row.p256dh, row.auth) == (
        service.endpoint(theirs),
        theirs.keys["p256dh"],
        theirs.keys["auth"],
    )
    [worker] = context.service_workers
    worker.evaluate(SHOWN)

    # The page is closed, and nothing has been heard of it for a minute.
    blank = context.new_page()
    blank.goto("/robots.txt")
    page.close()
    with tenant_transaction(bob.tenant_id):
        minute_ago = timezone.now() - timedelta(minutes=1)
        AgentAvailability.objects.filter(user=bob.user).update(seen_at=minute_ago)
    floor.now = timezone.now()
    caller = floor.call(group, from_number="anonymous")
    tasks.tend_groups(floor.tenant.pk, [group.pk])
    wait_until(lambda: bool(service.asked))
    [told] = service.received(theirs, public_key=pushes.public_key(), contact=WEB_PUSH.contact)
    assert floor.offers(caller) == []

    deliver(blank, url, told)
    wait_until(lambda: bool(worker.evaluate("shown.length")))
    [(title, body, tag)] = worker.evaluate("shown")
    assert (title, tag) == ("Incoming call", str(caller.call_id))
    assert body.startswith("Hidden number\n")

    # Where the notification leads: that page is seen, and the call rings there.
    blank.goto(f"/calls/{told['id']}/knocked")
    expect(blank).to_have_url(f"{url}/calls")
    wait_until(lambda: floor.rings_at(caller) == {"Bob"})
    blank.reload()
    region = blank.get_by_role("region", name="Incoming call")
    expect(region).to_contain_text("Hidden number")
    floor.hang_up(caller)
    blank.goto(f"/calls/{told['id']}/knocked")
    expect(blank.locator("#toasts")).to_contain_text("The caller is no longer waiting.")
    context.close()
