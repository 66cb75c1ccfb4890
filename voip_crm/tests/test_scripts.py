"""The page's own scripts pass their tests, run by the Node that Playwright brings."""

import subprocess
from pathlib import Path

import playwright

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "js"
NODE = Path(playwright.__file__).parent / "driver" / "node"


def test_the_scripts_of_the_page_pass_their_own_tests():
    tests = sorted(str(path) for path in SCRIPTS.glob("tests/*.test.mjs"))
    run = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


def test_each_script_stays_small_enough_to_read():
    for path in SCRIPTS.glob("*.js"):
        assert len(path.read_text().splitlines()) < 250, path.name
