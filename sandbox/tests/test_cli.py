"""The process: it says when it listens, and goes at once when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.config import ConfigError, parse

ROOT = Path(__file__).parents[2]


def start(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--config", str(config), "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_and_leaves(tmp_path: Path, number: int) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"accounts": [{"sid": "AC1", "auth_token": "t"}]}))
    process = start(config)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox listening on http://127.0.0.1:")

    async def hold_a_socket_that_never_answers() -> int:
        async with aiohttp.ClientSession() as session:
            url = line.split()[-1]
            async with session.get(f"{url}/sandbox/health") as answer:
                assert (await answer.json())["status"] == "ok"
            await session.ws_connect(f"{url}/signal", autoclose=False)
            os.kill(process.pid, number)
            return await asyncio.to_thread(process.wait, 10)

    assert asyncio.run(hold_a_socket_that_never_answers()) == 0
    process.stdout.close()


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, "accounts"),
        ({"accounts": [{"sid": "AC1", "auth_token": "t"}], "colour": 1}, "colour"),
        ({"accounts": [{"sid": "AC1", "auth_token": "t", "numbers": [{"sid": "PN"}]}]}, "number"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(config: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse(config)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    process = start(tmp_path / "nothing.json")
    _, error = process.communicate(timeout=10)
    assert process.returncode == 2 and error.count("\n") == 1
