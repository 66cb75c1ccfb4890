#!/usr/bin/env python
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
    if sys.argv[1:2] == ["runlocal"]:
        from voip_crm import embedded

        embedded.prepare(sys.argv[2:])
    if sys.argv[1:2] == ["trial"]:  # ./run manage COMMAND
        from voip_crm import trial

        trial.execute(sys.argv[2:])
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
