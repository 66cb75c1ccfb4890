"""`./run manage COMMAND …`: manage.py within the trial that `./run` has made, or makes here."""

from voip_crm import embedded


def execute(command: list[str]) -> None:
    embedded.prepare_command()
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    if command and command[0] != "help" and not {"-h", "--help"} & set(command):
        from voip_crm import local

        local.prepare_database()
    execute_from_command_line(["run manage", *command])
