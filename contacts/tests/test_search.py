"""Finding contacts by any word or any part of a number, fast by design."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import finding, selectors, services, walks
from contacts.management.commands import reindex_contacts
from contacts.models import Contact, ContactToken
from contacts.search import query_prefixes
from contacts.services import create_contact, reindex
from tenants.fence.context import tenant_transaction
from tenants.tests.database import everything_visible


@pytest.fixture
def book(cast: Any) -> Any:
    """Four more contacts of Acme; inside Acme."""
    with tenant_transaction(cast.acme.pk):
        create_contact(
            cast.acme,
            name="Zoë Müller-Schmidt",
            company="Optik GmbH",
            email="zoe@optik.example",
            numbers=[("+493023125010", "work"), ("+14085550123", "mobile")],
        )
        create_contact(cast.acme, name="Adam Ant", company="Zoo", numbers=[("+14085550199", "")])
        create_contact(cast.acme, name="adam baker", company="Bakery")
        create_contact(cast.acme, name="ÅSA Öberg", company="O'Neil & Søn")
        create_contact(cast.acme, name="Øystein Ærø", company="Weiße Straße")
        create_contact(cast.acme, name="Łukasz Đặng", company="L’Étoile")
        create_contact(cast.acme, name="Фёдор Щукин", company="李小明")
        create_contact(cast.acme, name="Anna Smith-O'Brien", company="Rock'n'Roll")
        create_contact(cast.acme, name="Андрей ながの", company="O Malley & O`Hara")
        yield cast


def names(text: str) -> list[str]:
    found = selectors.contact_page(text, size=50).contacts
    return [contact.name for contact in sorted(found, key=lambda one: one.sort_name)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("zoe", ["Zoë Müller-Schmidt"]),
        ("MULL", ["Zoë Müller-Schmidt"]),
        ("schmidt", ["Zoë Müller-Schmidt"]),
        ("zoe mü", ["Zoë Müller-Schmidt"]),
        ("mü zoe", ["Zoë Müller-Schmidt"]),
        ("zo", ["Adam Ant", "Zoë Müller-Schmidt"]),
        ("adam", ["Adam Ant", "adam baker"]),
        ("adam b", ["adam baker"]),
        ("asa", ["ÅSA Öberg"]),
        ("neil", ["ÅSA Öberg"]),
        ("oneil", ["ÅSA Öberg"]),
        ("O'Neil", ["ÅSA Öberg"]),
        ("O’Neil", ["ÅSA Öberg"]),
        ("o neil", ["ÅSA Öberg"]),
        ("son", ["ÅSA Öberg"]),
        ("SØN", ["ÅSA Öberg"]),
        ("müller-schmidt", ["Zoë Müller-Schmidt"]),
        ("mullerschmidt", ["Zoë Müller-Schmidt"]),
        ("oystein aero", ["Øystein Ærø"]),
        ("øystein ærø", ["Øystein Ærø"]),
        ("weisse strasse", ["Øystein Ærø"]),
        ("Straße", ["Øystein Ærø"]),
        ("lukasz dang", ["Łukasz Đặng"]),
        ("łuk", ["Łukasz Đặng"]),
        ("etoile", ["Łukasz Đặng"]),
        ("letoile", ["Łukasz Đặng"]),
        ("l'étoile", ["Łukasz Đặng"]),
        ("фёдор", ["Фёдор Щукин"]),
        ("ФЕДОР", ["Фёдор Щукин"]),
        ("fedor", ["Фёдор Щукин"]),
        ("李小", ["Фёдор Щукин"]),
        ("o'brien", ["Anna Smith-O'Brien"]),
        ("obrien", ["Anna Smith-O'Brien"]),
        ("anna smith-o'brien", ["Anna Smith-O'Brien"]),
        ("n'roll", ["Anna Smith-O'Brien"]),
        ("rock'n'roll", ["Anna Smith-O'Brien"]),
        ("o'malley", ["Андрей ながの"]),
        ("o´malley", ["Андрей ながの"]),
        ("o`hara", ["Андрей ながの"]),
        ("ohara", ["Андрей ながの"]),
        ("andrey", ["Андрей ながの"]),
        ("andrei", ["Андрей ながの"]),
        ("андрей", ["Андрей ながの"]),
        ("nagano", ["Андрей ながの"]),
        ("ながの", ["Андрей ながの"]),
        ("lixiao", ["Фёдор Щукин"]),
        ("optik.example", ["Zoë Müller-Schmidt"]),
        ("555", ["Adam Ant", "Maria of Acme", "Zoë Müller-Schmidt"]),
        ("5550123", ["Zoë Müller-Schmidt"]),
        ("(408) 555-01", ["Adam Ant", "Zoë Müller-Schmidt"]),
        ("+1 408 555 0199", ["Adam Ant"]),
        ("030 23125", ["Zoë Müller-Schmidt"]),
        ("0049 30 231", ["Zoë Müller-Schmidt"]),
        ("231250", ["Zoë Müller-Schmidt"]),
        ("0199", ["Adam Ant"]),
        ("dam", []),
        ("nobody", []),
        ("%", []),
        ("_", []),
    ],
)
def test_contacts_are_found_by_word_and_part_of_a_number(
    book: Any, typed: str, found: list[str]
) -> None:
    assert names(typed) == found


def test_nothing_typed_is_everybody_by_name_and_suggests_nobody(book: Any) -> None:
    assert names("")[:2] == ["Adam Ant", "adam baker"]
    assert selectors.suggest("  ") == []


def test_another_workspaces_contacts_are_never_found(book: Any) -> None:
    assert names("borealis") == []
    assert names("maria") == ["Maria of Acme"]


def test_pages_follow_each_other_without_gap_or_repetition(book: Any) -> None:
    for number in range(7):
        create_contact(book.acme, name="Same Name", email=f"{number}@x.example")
    seen: list[Any] = []
    cursor = ""
    while True:
        page = selectors.contact_page(after=cursor, size=3)
        seen += page.contacts
        cursor = page.next_cursor
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == Contact.objects.count()
    assert [contact.sort_name for contact in seen] == sorted(c.sort_name for c in seen)


@pytest.mark.parametrize("cursor", ["nonsense", "x y", "~", "\x00", "00000000 a"])
def test_a_cursor_that_is_none_does_no_harm(book: Any, cursor: str) -> None:
    selectors.contact_page(after=cursor.replace("\x00", ""))


def test_a_changed_contact_is_found_by_its_new_words_only(book: Any) -> None:
    contact = Contact.objects.get(name="Adam Ant")
    contact.name = "Eve Ant"
    contact.save()
    reindex(contact)
    assert names("adam an") == []
    assert names("eve") == ["Eve Ant"]
    assert ContactToken.objects.filter(contact=contact, token="adam").count() == 0


@pytest.mark.parametrize(
    ("ask", "statements"),
    [
        (lambda: selectors.contact_page(), 2),
        (lambda: selectors.contact_page("a"), 3),
        (lambda: selectors.contact_page("a z"), 4),  # which of the two is the rarer one
        (lambda: selectors.suggest("a"), 1),
        (lambda: selectors.suggest("zoe mü"), 3),  # the first of them finds too few
    ],
)
def test_a_search_costs_few_statements(book: Any, ask: Any, statements: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        ask()
    assert len(queries) == statements
    assert not any("LIKE" in query["sql"].upper() for query in queries)


@pytest.mark.parametrize(
    ("typed", "prefixes"),
    [
        ("Zoë  Müller", ["zoe", "muller"]),
        ("+1 (415) 555-01", ["141555501"]),
        ("0041", ["0041"]),  # too short once its zeros are gone
        ("12", ["12"]),
        ("", []),
        ("!!", []),
        ("ab " * 4000, ["ab"] * 33 + ["a"]),  # each is a condition for the database
        ("7" * 8000, ["7" * 100]),
    ],
)
def test_typed_text_becomes_prefixes(typed: str, prefixes: list[str]) -> None:
    assert query_prefixes(typed) == prefixes


def test_contacts_of_before_are_found_by_every_spelling_once_it_is_migrated(book: Any) -> None:
    spellings = import_module("contacts.migrations.0007_spellings")
    loader = MigrationLoader(connection, replace_migrations=False)
    former = loader.project_state(("contacts", "0006_imports")).apps
    before = set(ContactToken.objects.values_list("contact", "token"))
    ContactToken.objects.filter(token__in=["oneil", "son", "oystein", "fedor"]).delete()
    Contact.objects.filter(name="Øystein Ærø").update(sort_name="øystein ærø")
    adam = Contact.objects.get(name="Adam Ant").pk
    own = ContactToken.objects.filter(contact=adam)
    own.update(token=Concat("token", Value("~")))  # who is not concerned stays as it was
    untouched = set(own.values_list("contact", "token"))
    for _ in range(2):
        with everything_visible():
            spellings.reindex(former, None)
    assert names("oneil") == ["ÅSA Öberg"] and names("fedor") == ["Фёдор Щукин"]
    assert Contact.objects.get(name="Øystein Ærø").sort_name == "oystein aero"
    assert set(own.values_list("contact", "token")) == untouched
    others = {(contact, token) for contact, token in before if contact != adam}
    assert set(ContactToken.objects.values_list("contact", "token")) == others | untouched


def test_who_has_the_typed_word_itself_comes_first_and_each_once(book: Any) -> None:
    for name in ("Zora Adams", "Adams Adamson", "Berta Adam", "Adam Adams"):
        create_contact(book.acme, name=name)
    expected = ["Adam Adams", "Adam Ant", "adam baker", "Berta Adam", "Adams Adamson", "Zora Adams"]
    for size in (1, 2, 3, 50):
        seen, cursor = [], ""
        while True:
            page = selectors.contact_page("ADAM", after=cursor, size=size)
            seen += [contact.name for contact in page.contacts]
            if not (cursor := page.next_cursor):
                break
        assert seen == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o'malley", ["Omalley Gmbh", "Tom O'Malley", "Andrea O Malley", "Андрей ながの"]),
        ("a b", ["adam baker", "Anna Smith-O'Brien"]),
        ("anna b", ["Anna Smith-O'Brien"]),
    ],
)
@pytest.mark.parametrize("window", [1, 2, 2000])
def test_pages_of_several_words_follow_each_other(
    book: Any, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str], window: int
) -> None:
    """However rare who is found is among those of the rarest word."""
    monkeypatch.setattr(walks, "WINDOW", window)
    monkeypatch.setattr(walks, "COMMON", min(window, 1000))
    for name in ("Andrea O Malley", "Tom O'Malley", "Omalley Gmbh"):
        create_contact(book.acme, name=name)
    for size in (1, 2, 50):
        seen, cursor = [], ""
        while True:
            page = selectors.contact_page(text, after=cursor, size=size)
            seen += [contact.name for contact in page.contacts]
            if not (cursor := page.next_cursor):
                break
        assert seen == expected


def test_tokens_of_before_are_told_name_and_archive(book: Any) -> None:
    contact = Contact.objects.get(name="Adam Ant")
    services.set_archived(contact, True, now=timezone.now())
    told = sorted(ContactToken.objects.values_list("pk", "sort_name", "is_archived"))
    assert {archived for pk, name, archived in told if name == "adam ant"} == {True}
    assert "adam baker" in {name for _, name, archived in told if not archived}
    ContactToken.objects.update(sort_name="", is_archived=False)
    # Renamed, and put back, by a server that knows nothing of either.
    other = Contact.objects.get(name="adam baker")
    other.tokens.update(sort_name="eve baker", is_archived=True)
    migration = import_module("contacts.migrations.0011_tell_tokens")
    for _ in range(2):
        with everything_visible():
            migration.tell(apps, None)
        assert sorted(ContactToken.objects.values_list("pk", "sort_name", "is_archived")) == told


def test_what_servers_of_before_wrote_after_the_migration_is_mended_by_a_command(
    cast: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(reindex_contacts, "AT_A_TIME", 2)
    with tenant_transaction(cast.acme.pk):
        made = [create_contact(cast.acme, name=f"Ann {letter}") for letter in "abcde"]
        services.set_archived(made[0], True, now=timezone.now())
        tokens = ContactToken.objects.order_by("pk").values_list("pk", "sort_name", "is_archived")
        right = list(tokens)
        made[0].tokens.update(is_archived=False)
        made[1].tokens.update(is_archived=True)
        made[2].tokens.update(sort_name="")
        made[4].tokens.update(sort_name="eve")
    for _ in range(2):
        call_command("reindex_contacts")
        with tenant_transaction(cast.acme.pk):
            assert list(tokens.all()) == right
            assert f"acme: {Contact.objects.count()} contacts.\n" in capsys.readouterr().out


@pytest.mark.parametrize("archived", [True, False])
def test_who_changes_nothing_leaves_the_tokens_alone(book: Any, archived: bool) -> None:
    """As someone sees them who puts a contact back while its archiving is not committed yet."""
    contact = Contact.objects.get(name="Adam Ant")
    services.set_archived(contact, archived, now=timezone.now())
    contact.tokens.update(is_archived=not archived)
    assert not services.set_archived(contact, archived, now=timezone.now())
    assert set(contact.tokens.values_list("is_archived", flat=True)) == {not archived}


@pytest.mark.parametrize("typed", ["smithers", "smith", "ann smithers", "smithers ann"])
def test_who_has_no_number_takes_no_suggestions_place(book: Any, typed: str) -> None:
    for letter in "abcdefghi":
        create_contact(book.acme, name=f"Ann Smithers {letter}")
    create_contact(book.acme, name="Ann Smithers z", numbers=[("+14155550177", "")])
    assert [one.name for one in selectors.suggest(typed)] == ["Ann Smithers z"]


def test_who_is_archived_is_found_in_the_archive_alone(book: Any) -> None:
    contact = Contact.objects.get(name="Adam Ant")
    services.set_archived(contact, True, now=timezone.now())
    assert [one.name for one in selectors.contact_page("adam").contacts] == ["adam baker"]
    assert selectors.contact_page("adam", archived=True).contacts == [contact]
    assert not [one for one in selectors.suggest("0199") if one.contact_id == contact.pk]
    assert finding.contact_ids("0199", most=5) == [contact.pk]
    reindex(contact)
    assert selectors.contact_page("0199").contacts == []
    services.set_archived(contact, False, now=timezone.now())
    assert selectors.contact_page("0199").contacts == [contact]
