"""`python -m voip_crm`: exit with what is wrong with the settings of production, if anything is.

`python -m voip_crm granian …` (or `celery …`) then runs that program in this process (Procfile). It
would else start a failing process again and again; and what is loaded here is not loaded again:
granian forks its workers, which share it.
"""

import gc
import os
import runpy
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
    django.setup()
    from django.db import connections
    from django.urls import get_resolver

    from voip_crm.checks import refuse_to_start_on_errors

    refuse_to_start_on_errors(several_processes=True)
    connections.close_all()  # nobody else's, and none that forks would share
    if program := sys.argv[1:]:
        if "granian" in program:
            get_resolver().url_patterns  # noqa: B018  (imports every page)
        gc.freeze()  # or a collection would write to what is shared
        sys.argv = program
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
