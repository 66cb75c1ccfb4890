"""`python -m voip_crm`: exit with what is wrong with the settings of production, if anything is.

For servers that would else start a failing process again and again (Procfile).
"""

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
    django.setup()
    from voip_crm.checks import refuse_to_start_on_errors

    refuse_to_start_on_errors(several_processes=True)
