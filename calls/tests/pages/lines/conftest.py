"""What the tests of the pages of lines share."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from calls.facts.inbound.plans import Block, Plan
from calls.models import Group, Line, PhoneNumber, VoicemailBox
from calls.selectors.plans import block_of, plan_of
from calls.services.inbound.plans import ensure_line
from tenants.fence.context import tenant_transaction

LINES = "/settings/lines"


@dataclass
class Office:
    """Acme's line as it is from the beginning, and Alice, who is an admin there."""

    cast: Any
    client: Client
    line: Line
    group: Group
    box: VoicemailBox

    @property
    def path(self) -> str:
        return f"{LINES}/{self.line.pk}"

    def plan(self) -> Plan:
        with tenant_transaction(self.cast.acme.pk):
            return plan_of(Line.objects.select_related("number").get(pk=self.line.pk))

    def block(self, table: Any, name: str) -> Block:
        with tenant_transaction(self.cast.acme.pk):
            return block_of(table.objects.get(name=name))

    def form(self, path: str) -> dict[str, str]:
        """What the page's form would send, untouched."""
        return fields(self.client.get(path))

    def save(self, path: str, **changes: str) -> Any:
        return self.client.post(path, self.form(path) | changes)


class _Fields(HTMLParser):
    """What a browser would send of a form, its buttons left alone."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.inside = self.is_text = False
        self.name = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.inside |= tag == "form" and given.get("class") == "plan-form"
        name, kind = given.get("name", ""), given.get("type")
        if not self.inside or name == "csrfmiddlewaretoken":
            return
        if tag in ("select", "textarea"):
            self.name, self.is_text, self.sent[name] = name, tag == "textarea", ""
            self.is_first = True
        elif tag == "option" and ("selected" in given or self.is_first):
            self.sent[self.name], self.is_first = given["value"], False
        elif tag == "input" and kind != "file":
            if kind not in ("checkbox", "radio") or "checked" in given:
                self.sent[name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.inside and self.is_text:
            self.sent[self.name] += data

    def handle_endtag(self, tag: str) -> None:
        self.is_text &= tag != "textarea"
        self.inside &= tag != "form"


def fields(answer: Any) -> dict[str, str]:
    """Of the form of an answered page."""
    reader = _Fields()
    reader.feed(answer.content.decode())
    assert reader.sent, answer.content.decode()
    return reader.sent


def told(answer: Any) -> str:
    """The page that says why nothing was saved."""
    assert answer.status_code == 422, answer.status_code
    page = html.unescape(answer.content.decode())
    assert "Not saved." in page
    return page


def error_of(answer: Any, field: str) -> str:
    """What is said at a field."""
    page = told(answer)
    # Fields that are in every form say it in their note; those of a row, after themselves.
    note = re.escape(f"id_{field}_note")
    found = re.search(
        rf'(?:id="{note}" class="field-error"|class="field-error" id="{note}")>(.*?)</p>', page
    )
    assert found, page
    return found[1].strip()


@pytest.fixture
def office(cast: Any, client: Client) -> Office:
    with tenant_transaction(cast.acme.pk):
        line = ensure_line(PhoneNumber.objects.get())
        group, box = Group.objects.get(), VoicemailBox.objects.get()
    client.force_login(cast.alice.user)
    return Office(cast, client, line, group, box)
