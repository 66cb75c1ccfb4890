from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.tests.harness import Box


@pytest.fixture(scope="session")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    patch = pytest.MonkeyPatch()
    patch.setattr("sandbox.twiml.session.SORRY", "Sorry, an error")  # a second instead of three
    patch.setattr("sandbox.telephony.recorder.RECORDING_READY_SECONDS", 0.1)
    box = Box(str(tmp_path_factory.mktemp("sandbox")))
    yield box
    box.close()
    patch.undo()


@pytest.fixture
def box(running_box: Box) -> Iterator[Box]:
    yield running_box
    running_box.reset()
