"""What is read oftenest touches as much of the database with many calls as with few."""

import sys
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.utils import timezone

from calls.facts import states
from calls.selectors import call_logs, limits, queues, ringing
from calls.selectors.call_logs import Filters
from calls.selectors.history import Filters as HistoryFilters
from calls.selectors.history import history
from calls.services.inbound import groups, leading
from calls.services.rooms import wishes
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import scene_of, sid
from calls.tests.many import GROUP, assert_flat, scanned
from calls.tests.services.inbound.floor import Floor
from tenants.doors import Named
from tenants.fence.context import tenant_transaction


def test_no_more_is_read_of_many_calls_than_of_few(committed_cast: Any, monkeypatch: Any) -> None:
    cast, bob = committed_cast, committed_cast.bob
    monkeypatch.setattr(call_logs, "COUNT_CAP", 100)
    monkeypatch.setattr(sys.modules[history.__module__], "COUNT_CAP", 100)
    monkeypatch.setattr(call_logs, "SEARCHED", 50)
    wished = {"all": Filters(), "a number": Filters(text="559876"), "a word": Filters(text="mari")}
    wished |= {status: Filters(status=status) for status in states.STATUSES}
    wished |= {f"recorded: {has}": Filters(has_recording=has) for has in (True, False)}
    scene, agent = scene_of(bob), Named(bob.tenant_id, bob.user_id)
    with tenant_transaction(cast.acme.pk):
        limits.chosen(lock=True)  # made by the first dial of a workspace

    floor = Floor(cast.acme)
    group = floor.group([bob], pk=GROUP)
    floor.call(group)
    floor.is_there(bob)

    today, maria = timezone.now().date(), cast.acme_maria
    narrowed = {
        "": {},
        "a direction": {"direction": "outbound"},
        "the other direction": {"direction": "inbound"},
        "missed": {"direction": "missed"},
        "to return": {"direction": "to-return"},
        "live": {"status": "live"},
        "an outcome": {"status": "completed"},
        "an outcome of none": {"status": "busy"},
        "an agent": {"agent": bob.user_id},
        "a contact": {"contact": maria.pk},
        "recorded": {"recorded": True},
        "days": {"since": today - timedelta(days=1), "until": today},
        "a name": {"text": "mari"},
        "a number": {"text": "+14155550100"},
        "nobody": {"text": "nobody"},
    }

    def shown(**asked: Any) -> None:
        """As the page shows it, and as its news ask; then as they go on."""
        filters = HistoryFilters(**asked)
        read = partial(history, cast.acme, now=timezone.now(), filters=filters)
        page = read()
        read(before=page.next_cursor, is_counted=False)

    assert_flat(
        cast,
        {
            **{
                f"the API's list, {name}": partial(call_logs.page, cast.acme.pk, filters, size=50)
                for name, filters in wished.items()
            },
            "the history of calls with a recording": partial(
                history, cast.acme, now=timezone.now(), filters=HistoryFilters(recorded=True)
            ),
            "an agent's browser connects": lambda: wishes.arrival(
                agent, uuid4(), sid("CA"), now=timezone.now()
            ),
            "an agent dials": lambda: wishes.dial(
                wishes.ask_dial(agent, scene.request_id, from_number_id=None, now=timezone.now())
            ),
            "who waits in a group": partial(queues.callers_in, group.pk),
            "its members": partial(queues.members_of, group.pk),
            "one of them": partial(queues.agent, bob.user_id),
            "what they have chosen": partial(ringing.own, bob.user_id),
            "groups of an agent's news": partial(groups.of_agent, bob.user_id),
            "groups that are due": lambda: groups.due(timezone.now()),
            "callers who were forgotten": lambda: leading.overdue(timezone.now()),
            "what has been spent": lambda: limits.usage(cast.acme, bob.user_id, now=timezone.now()),
        },
        as_planned={
            **{f"the history, {name}": partial(shown, **asked) for name, asked in narrowed.items()},
            # An hour's offers, whichever way they are found.
            "what rings at them": lambda: ringing.incoming(
                cast.acme, bob.user_id, now=timezone.now()
            ),
        },
    )
    # Of few calls beside many of others, too.
    few = cast.borealis
    for _ in range(3):
        an_outbound_call(few)
    for asked in (
        *({}, {"direction": "outbound"}, {"status": "completed"}, {"recorded": True}),
        *({"direction": "missed"}, {"direction": "to-return"}),
    ):
        filters = HistoryFilters(**asked)
        shows = partial(history, few, now=timezone.now(), filters=filters)
        assert scanned(few, shows) == 0, asked
    for told in (Filters(), Filters(direction="OUTBOUND")):
        assert scanned(few, partial(call_logs.page, few.pk, told, size=50)) == 0, told
