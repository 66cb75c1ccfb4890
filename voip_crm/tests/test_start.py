"""What a process loads before it serves, in modules: seconds and megabytes differ by machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

# Each with what it costs (docs/performance.md), and who needs it, and when.
HEAVY = {
    "phonenumbers.geodata",  # 100 MB, 0.4 s: nobody
    "openpyxl",  # 13 MB, 0.15 s: an import or export of a workbook
    "boto3",  # 30 MB, 0.3 s: the store of recordings, where there is one
    "storages",
    "pywebpush",  # 0.2 s: whoever tells a browser of a caller
    "uvicorn",  # other processes
    "granian",
}
LOADED = """
import json, sys
loaded = {name for name in sys.modules} & set(json.loads(sys.argv[1]))
print(json.dumps({"heavy": sorted(loaded), "ours": "calls.pages.calls" in sys.modules}))
"""


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m voip_crm loaded …`, a program of our own in place of granian."""
    for name in ("loaded", "granian"):
        (tmp_path / f"{name}.py").write_text(LOADED)
    ours = {
        "PYTHONPATH": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "DATABASE_OWNER_URL": "",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "RECORDINGS_SENT_BY": "x-accel-redirect",
    }
    return subprocess.run(
        [sys.executable, "-m", "voip_crm", *arguments, json.dumps(sorted(HEAVY))],
        env=os.environ | ours | environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )


def test_what_is_heavy_is_loaded_only_by_what_needs_it(tmp_path: Path) -> None:
    """Every page is loaded before granian forks its workers, and nothing that most never need."""

    def loaded(program: str) -> Any:
        done = run(tmp_path, program)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    assert loaded("granian") == {"heavy": [], "ours": True}
    assert loaded("loaded") == {"heavy": [], "ours": False}  # beat needs no page


def test_no_server_is_started_with_a_wrong_setting(tmp_path: Path) -> None:
    done = run(tmp_path, "loaded", REDIS_URL="")
    assert (done.returncode, done.stdout) == (1, "") and "voip_crm.E005" in done.stderr
