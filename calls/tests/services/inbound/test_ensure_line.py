"""Each number has a line that loses nobody, from the beginning."""

import threading
from typing import Any

import pytest
from django.db import connection

from calls.facts.inbound.checking import problems, reachable
from calls.facts.inbound.hours import always
from calls.facts.inbound.plans import Box, Group, Strategy
from calls.models import Group as GroupRow
from calls.models import Line, PhoneNumber, VoicemailBox
from calls.selectors.plans import plan_of
from calls.services.inbound.plans import ensure_line, ensure_lines
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Role
from tenants.people.services import add_member, set_active


def ours() -> PhoneNumber:
    return PhoneNumber.objects.get()


def second() -> PhoneNumber:
    return PhoneNumber.objects.create(number="+14155550188", account_sid="AC0")


def test_a_number_rings_everyone_and_then_takes_a_message(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        plan = plan_of(ensure_line(ours()))
    assert problems(plan) == []
    group, box = reachable(plan)
    assert isinstance(group, Group) and isinstance(box, Box)
    assert set(group.members) == {cast.alice.user_id.hex, cast.bob.user_id.hex}
    assert group.strategy is Strategy.EVERYONE
    assert plan.hours == always(cast.acme.time_zone)
    assert "leave a message" in box.greeting.text


def test_texts_are_read_out_as_people_of_the_country_speak(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        assert ensure_line(ours()).language == "en-US"
    with tenant_transaction(cast.borealis.pk):
        assert ensure_line(ours()).language == "en-GB"


def test_asked_again_it_is_the_same_line_as_it_was_left(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        line = ensure_line(ours())
        Line.objects.filter(pk=line.pk).update(language="de-DE")
        again = ensure_line(ours())
        assert (again.pk, again.language) == (line.pk, "de-DE")
        assert AuditEntry.objects.filter(action="line_made").count() == 1


def test_a_second_number_shares_the_group_and_the_box(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        first, other = ensure_line(ours()), ensure_line(second())
        assert (first.when_open, first.when_closed) == (other.when_open, other.when_closed)
        assert GroupRow.objects.count() == VoicemailBox.objects.count() == 1


def test_the_sweep_finds_numbers_without_a_line(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        second()
    for _ in range(2):
        ensure_lines(cast.acme.pk)
        with tenant_transaction(cast.acme.pk):
            assert Line.objects.count() == 2


def test_deactivated_members_are_left_out(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        set_active(cast.bob, False)
        plan = plan_of(ensure_line(ours()))
    assert plan.groups[0].members == (cast.alice.user_id.hex,)


def test_who_joins_the_workspace_joins_the_group(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        ensure_line(ours())
        other = GroupRow.objects.create(name="Sales")
    dana, _ = add_member(cast.acme, email="dana@acme.example", role=Role.AGENT, name="Dana")
    add_member(cast.acme, email="dana@acme.example", role=Role.ADMIN, name="Dana")
    with tenant_transaction(cast.acme.pk):
        everyone = GroupRow.objects.get(name="Everyone")
        members = list(everyone.members.values_list("user_id", "position"))
        assert members[-1] == (dana.user_id, 2)
        assert len(members) == 3
        assert not other.members.exists()


def test_who_joins_another_workspace_does_not(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        ensure_line(ours())
    add_member(cast.borealis, email="dana@borealis.example", role=Role.AGENT, name="Dana")
    with tenant_transaction(cast.acme.pk):
        assert GroupRow.objects.get().members.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_line_for_each_number(committed_cast: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite in memory lets a second writer wait for nothing")
    acme = committed_cast.acme.pk
    with tenant_transaction(acme):
        numbers = [ours(), second()]
    failed: list[BaseException] = []

    def ensure(number: PhoneNumber) -> None:
        try:
            with tenant_transaction(acme):
                ensure_line(number)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ensure, args=[numbers[n % 2]]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with tenant_transaction(acme):
        assert Line.objects.count() == 2
        assert GroupRow.objects.count() == VoicemailBox.objects.count() == 1
        assert GroupRow.objects.get().members.count() == 2
