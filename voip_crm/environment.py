"""Reads the environment for `settings.py`; what is wrong ends the process with one line.

Every server, worker and command reads the settings first, so each of them says it.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# Read by the Procfile, by ./run and by compose.yaml, not by the settings.
PROCESS_VARIABLES = {"PORT", "LIVE_PORT", "WEB_WORKERS", "WEB_THREADS", "WORKER_PROCESSES"}
PROCESS_VARIABLES |= {"VAR_DIR", "POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # names of this machine
OURS = re.compile(r"(TWILIO|CLERK|WEB_PUSH)_")
SEE = "docs/settings.md says what it means."


class Environment(environ.Env):
    """`env.str("NAME")` is required and may not be empty, `env.str("NAME", default)` is not."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()  # what was asked for, which is what is known

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, *args: Any, **more: Any
    ) -> Any:
        self.names.add(var)
        if default is self.NOTSET and not os.environ.get(var):
            sys.exit(f"{var} is not set. {SEE}")
        try:
            return super().get_value(var, cast, default, *args, **more)
        except (ImproperlyConfigured, ValueError):  # the value may be a secret: it is not shown
            sys.exit(f"{var} has a value that cannot be read. {SEE}")

    def choice(self, name: str, default: str, choices: list[str]) -> str:
        value = self.str(name, default)
        if value not in choices:
            sys.exit(f"{name} is one of {', '.join(choices)}. {SEE}")
        return str(value)

    def refuse_unknown(self, dotenv: Path) -> None:
        """End the process when `.env` has a name that nothing reads, or the environment one that
        looks like ours: a misspelt setting would else be a setting that is not set.
        """
        known = self.names | PROCESS_VARIABLES
        text = dotenv.read_text() if dotenv.is_file() else ""
        in_file = re.findall(r"^\s*(?:export\s+)?(\w+)\s*=", text, re.MULTILINE)
        for name in [*in_file, *filter(OURS.match, sorted(os.environ))]:
            if name not in known:
                meant = difflib.get_close_matches(name, known, 1)
                hint = f"Did you mean {meant[0]}?" if meant else "Remove it."
                sys.exit(f"{name} is not a setting. {hint}")
