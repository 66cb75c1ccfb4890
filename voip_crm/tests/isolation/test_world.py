"""The world of the proofs is whole: a table or a text without a mark could leak unseen."""

import pytest
from django.db import models

from tenants.bricks.secrets import EncryptedTextField
from tenants.fence.scoping import tenant_models
from voip_crm.tests.isolation.asking import Outcome, ask
from voip_crm.tests.isolation.world import World, everything_visible, texts

pytestmark = pytest.mark.django_db

# Texts that say nothing of a workspace, or that are too short or too common to tell it by.
COMMON = {
    "AgentAvailability.availability",
    "AuditEntry.action",
    "AuditEntry.object_type",
    "CallEvent.kind",
    "CallEvent.name",
    "CallingCeiling.currency",
    "CallingCeiling.refused_countries",
    "CallingPolicy.countries",
    "CallLeg.status",
    "Caller.wish",
    "CallLog.missed",
    "CallLog.outcome",
    "CallLog.status",
    "CallLog.extension",
    "ContactImport.meanings",
    "ContactNumber.extension",
    *("Group.strategy", "Line.language", "Offer.end", "Sound.content_type"),
    # Of accounts that two workspaces share.
    *(
        "Conference.account_sid",
        "NumberOrder.account_sid",
        "PhoneNumber.account_sid",
        "Recording.account_sid",
    ),
}


def test_each_tenant_table_has_rows_of_each_workspace(world: World) -> None:
    with everything_visible():
        for model in tenant_models():
            rows = set(model.unscoped.values_list("tenant_id", flat=True))
            assert rows == {side.tenant.pk for side in world.sides.values()}, (
                f"Give each workspace of isolation/world.py a row of {model.__name__}."
            )


def test_each_text_of_a_workspace_is_marked_as_its_own(world: World) -> None:
    unmarked = set()
    with everything_visible():
        for model in tenant_models():
            for column in model._meta.fields:
                is_text = isinstance(column, models.CharField | models.TextField | models.JSONField)
                if not is_text or column.choices or isinstance(column, EncryptedTextField):
                    continue
                for side in world.sides.values():
                    values = model.unscoped.filter(tenant=side.tenant).values_list(
                        column.attname, flat=True
                    )
                    if not any(side.seen_in(text) for value in values for text in texts(value)):
                        unmarked.add(f"{model.__name__}.{column.name}")
    assert unmarked == COMMON


def test_a_canary_is_of_one_workspace_alone(world: World) -> None:
    acme, borealis, cygnus = world.sides.values()
    assert acme.seen_in("… Person zzAcme …") and acme.seen_in(acme.ids["contact"].upper())
    assert acme.seen_in(f"(415) 555-{acme.ids['contact_e164'][-4:]}")
    assert not acme.seen_in(" ".join([*borealis.canaries, *cygnus.canaries]))
    assert not acme.seen_in(acme.ids["contact"], said=acme.ids["contact"])
    assert min(len(side.canaries) for side in world.sides.values()) > 80


def test_rows_are_compared_after_what_may_have_written_alone(world: World) -> None:
    """A comparison reads every row of every table: a look that took one would double its cost."""

    def is_write(sql: str) -> bool:
        outcome = Outcome(0, "")
        outcome.statements(lambda *_: None, sql)
        return outcome.has_written

    for sql in (
        "INSERT INTO a VALUES (1)",
        "\nUPDATE a SET b = 1",
        "WITH a AS (\n  DELETE FROM b RETURNING *\n) SELECT * FROM a",
        "SET ROLE NONE",
    ):
        assert is_write(sql), sql
    for sql in ("(SELECT 1)", "\nWITH a AS (SELECT 1) SELECT updated FROM a", "SAVEPOINT x"):
        assert not is_write(sql), sql
    for actor in world.cookies:
        assert not ask(world, actor, "GET", "/contacts").has_written, actor
