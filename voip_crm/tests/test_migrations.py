"""A new database takes the short way; those that took the long one have the same tables."""

import pytest
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

OURS = ("tenants", "contacts", "calls")


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None, replace_migrations=False)


def changes(
    loader: MigrationLoader, one: ProjectState, other: ProjectState
) -> dict[str, list[str]]:
    found = MigrationAutodetector(one, other).changes(loader.graph)
    return {app: [o.describe() for m in found[app] for o in m.operations] for app in found}


def test_the_short_way_leads_where_the_long_one_does(loader: MigrationLoader) -> None:
    short = [key for key, each in loader.disk_migrations.items() if each.replaces]
    assert sorted({app for app, _ in short}) == sorted(OURS)
    long = [max(loader.disk_migrations[key].replaces) for key in short]
    by_short, by_long = loader.project_state(short), loader.project_state(long)
    assert {"calllog", "contact"} <= {name for _, name in by_long.models}
    assert not changes(loader, by_long, by_short)
    assert not changes(loader, by_short, by_long)
