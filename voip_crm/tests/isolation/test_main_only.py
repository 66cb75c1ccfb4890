"""Proof: of every page in the shell htmx is sent the title and <main>; anybody else the whole."""

import re
from typing import Any

import pytest

from voip_crm.tests.isolation.registry import PAGES
from voip_crm.tests.isolation.sending import filled, parts
from voip_crm.tests.isolation.world import World, client_of

pytestmark = pytest.mark.django_db

SWAP = {"HX-Request": "true", "HX-Target": "main#main"}
LINK = SWAP | {"HX-Boosted": "true"}
PART = SWAP | {"HX-Target": "div#call_page"}
WHOLE = {
    "a look": {},
    "Back": SWAP | {"HX-History-Restore-Request": "true"},
    "a link to a whole page": LINK | {"HX-Target": "body"},
    "no target": {"HX-Request": "true"},
}


def test_htmx_is_sent_the_main_part_of_a_page_alone(world: World) -> None:
    client, seen = client_of(world, "admin"), {}
    for name, route in PAGES.items():
        send = route.sends.get("GET")
        if send is None or send.status != 200:
            continue
        path = parts(filled(route.path, world.acme), send, world.acme)["path"]
        page = lines(client.get(path))
        if 'class="shell"' not in page:
            continue
        title = re.search(r"<title>.*?</title>", page)
        main = re.search(r'<main id="main".*?</main>', page, re.DOTALL)
        assert title and main, name
        for headers in (SWAP, LINK, PART):
            response = client.get(path, headers=headers)
            assert lines(response) == f"{title[0]}\n{main[0]}", (name, headers)
            assert {*SWAP} <= {*response.headers["Vary"].split(", ")}
        for why, headers in WHOLE.items():
            assert lines(client.get(path, headers=headers)) == page, (name, why)
        seen[name] = len(page) - len(main[0])
    assert {"calls", "call", "contacts", "contact", "contact_edit", "settings", "account"} <= {
        *seen
    }
    assert len(seen) > 15 and min(seen.values()) > 5_000


def lines(response: Any) -> str:
    """The text without tokens, seconds until a day begins, and white space at the ends of lines."""
    text = response.getvalue().decode(errors="replace")
    text = re.sub(r"[0-9A-Za-z]{64}|-\d\d=\d+", "(…)", text)
    return re.sub(r"\s*\n\s*", "\n", text).strip()
