"""Who is meant by a number that several contacts have."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contacts.holders import meant
from contacts.models import Contact, ContactNumber
from contacts.selectors import holders
from contacts.services import create_contact, set_archived
from tenants.fence.context import tenant_transaction

MAIN = "+14155550160"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
people = st.lists(
    st.builds(Contact, archived_at=st.sampled_from([None, NOW])), min_size=1, max_size=5
)


@st.composite
def rows(draw: Any) -> list[ContactNumber]:
    those = draw(people)
    extensions = st.sampled_from(["", "1", "2"])
    one = st.builds(ContactNumber, contact=st.sampled_from(those), extension=extensions)
    found: list[ContactNumber] = draw(st.lists(one, max_size=8))
    return found


@given(rows(), st.sampled_from(["", "1", "3"]))
def test_they_are_holders_each_once_and_nobody_only_where_nobody_has_it(
    having: list[ContactNumber], extension: str
) -> None:
    found = meant(having, extension)
    ids = [contact.pk for contact in found]
    assert len(set(ids)) == len(ids) and bool(found) == bool(having)
    having_it = [row for row in having if row.extension == extension]
    among = having_it if extension and having_it else having
    # Their order is that of the rows, and whoever is left out is archived where another is not.
    active = [row for row in among if row.contact.archived_at is None]
    assert ids == list(dict.fromkeys(row.contact_id for row in active or among))


def test_the_rows_come_with_the_extension_first_then_those_in_the_list(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        for name, extension in (("Old", ""), ("Ann", ";ext=1"), ("Bob", ";ext=2"), ("Cem", "")):
            create_contact(cast.acme, name=name, numbers=[(MAIN + extension, "")])
        set_archived(Contact.objects.get(name="Old"), True, now=NOW)

        def said(extension: str = "") -> list[str]:
            return [contact.name for contact in meant(holders(MAIN, extension), extension)]

        assert said() == ["Cem", "Ann", "Bob"]
        assert said("2") == ["Bob"]
        assert said("7") == ["Ann", "Bob", "Cem"]
        for contact in Contact.objects.all():
            set_archived(contact, True, now=NOW)
        assert len(said()) == 4
        assert meant(holders("+14155550161")) == []
