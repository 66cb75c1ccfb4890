"""A pgbouncer between the product and PostgreSQL, set up by docs/pgbouncer.ini."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings

from voip_crm.children import die_with_parent
from voip_crm.tests import harness


def find() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def start(
    processes: harness.Processes, port: int, *, server: int, login: dict[str, Any], **options: Any
) -> None:
    """On this port, for the database at port `server` of this machine; `login` has Django's names.
    `options` replace those of the file.
    """
    text = (settings.BASE_DIR / "docs" / "pgbouncer.ini").read_text()
    name, user, password = (login[key] for key in ("NAME", "USER", "PASSWORD"))
    known = f"host=127.0.0.1 port={server} user={user}" + f" password={password}" * bool(password)
    text = re.sub(r"^crm = .*$", f"{name} = {known}", text, flags=re.MULTILINE)
    # The server's own trust is what the tests rely on; nothing else on this machine knows the port.
    for option, value in ({"listen_port": port, "auth_type": "any"} | options).items():
        text, found = re.subn(rf"^{option} = .*$", f"{option} = {value}", text, flags=re.MULTILINE)
        assert found == 1, option
    text = re.sub(r"^auth_file = .*$", "unix_socket_dir =", text, flags=re.MULTILINE)
    file = Path(processes.folder, "pgbouncer.ini")
    file.write_text(text)
    program = find()
    assert program, "pgbouncer is not installed"
    as_nobody = ["-u", "nobody"] if os.getuid() == 0 else []  # it refuses root
    with Path(processes.folder, "pgbouncer.log").open("ab") as log:
        processes.children["pgbouncer"] = subprocess.Popen(
            [program, *as_nobody, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
