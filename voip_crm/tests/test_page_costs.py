"""What the pages that people open most ask of the database: counted, and no more than is allowed
here.
"""

from typing import Any

import pytest
from django.conf import settings

from calls.tests.builders import an_outbound_call
from voip_crm.tests.round_trips import counted

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite is asked without a way"),
]
ROWS = {"HX-Request": "true", "HX-Target": "tbody#history_rows"}
MAIN = {"HX-Request": "true", "HX-Target": "main#main"}
LIST = {"HX-Request": "true", "HX-Target": "suggestions"}
# Who is asking; BEGIN, which says whom it is for, and COMMIT; and what is asked for.
AROUND = 3
# Of a page with all around it: what the agent has chosen to be, and whether something rings.
SHELL = 1


@pytest.mark.parametrize(
    ("path", "headers", "statements"),
    [
        ("/contacts/new", {}, AROUND + SHELL + 1),  # who may own it
        ("/contacts/new", MAIN, AROUND + 1),
        # The rows and how many there are; the agents; our numbers.
        ("/calls", {}, AROUND + SHELL + 3),
        ("/calls?direction=outbound", ROWS, AROUND + 1),
        ("/calls?rows=25", ROWS, AROUND + 1),
        ("/contacts/suggest?q=mari", LIST, AROUND + 1),
    ],
)
def test_a_page_costs_so_many_statements(
    committed_cast: Any, signed_in: Any, path: str, headers: dict[str, str], statements: int
) -> None:
    for _ in range(3):
        an_outbound_call(committed_cast.acme, contact=committed_cast.acme_maria)
    client = signed_in(committed_cast.bob)
    client.post("/first-steps/close")
    for _ in range(2):  # the second time a statement is prepared, which is a way of its own
        client.get(path, headers=headers)
    with counted() as cost:
        answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert cost.statements <= statements and cost.round_trips <= statements, cost
