"""Django as it comes: no middleware, one view, one UPDATE, no fences.

`POST /api/twilio/call-status` checks Twilio's signature with the library and updates one row by the
call's SID; `GET /nothing` does nothing.
"""

import os

from django.conf import settings

if not settings.configured:
    from environ import Env

    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": Env.db_url_config(os.environ["DATABASE_URL"]) | {"CONN_MAX_AGE": 600}
        },
        USE_TZ=True,
    )

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from twilio.request_validator import RequestValidator

_validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
_UPDATE = 'UPDATE described."CallLog" SET status = %s WHERE "twilioCallSid" = %s'


def update(request: HttpRequest) -> HttpResponse:
    url = os.environ["PUBLIC_BASE_URL"] + request.get_full_path()
    form, signature = request.POST.dict(), request.headers["X-Twilio-Signature"]
    if not _validator.validate(url, form, signature):
        return HttpResponse(status=403)
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [form["CallStatus"], form["CallSid"]])
    return HttpResponse(status=204)


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [path("api/twilio/call-status", update), path("nothing", nothing)]
application = get_wsgi_application()
