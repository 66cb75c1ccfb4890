"""Pages, API and webhooks in production: `granian --interface wsgi voip_crm.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
django_application = get_wsgi_application()

from voip_crm.checks import refuse_to_start_on_errors  # noqa: E402  (needs Django set up)
from voip_crm.children import die_with_server  # noqa: E402
from voip_crm.static import with_static_wsgi  # noqa: E402

die_with_server()
refuse_to_start_on_errors(several_processes=True)
application = with_static_wsgi(django_application)
