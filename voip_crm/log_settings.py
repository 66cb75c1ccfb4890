"""Which logger says what, and where: the setting LOGGING."""

from typing import Any


def logging(form: str, level: str) -> dict[str, Any]:
    """`form` is `json` or `plain`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "voip_crm.logs.JsonFormatter"},
            "plain": {"()": "voip_crm.logs.PlainFormatter"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # The twilio library logs each request with its numbers and headers.
            "twilio.http_client": {"level": "WARNING"},
            # At DEBUG, what it signs and how.
            "botocore": {"level": "WARNING"},
            "axes": {"level": "ERROR"},  # tenants.signing_in.throttle says what matters of it
            # Each request is logged once, by RequestLogMiddleware.
            "django.request": {"level": "ERROR"},
            # Django's and the servers' own handlers would write lines of another form.
            **{
                name: {"handlers": [], "propagate": True}
                for name in ("django", "django.server", "uvicorn", "uvicorn.error", "_granian")
            },
            # Anybody can send a wrong Host: the request's line says 400, a traceback says no more.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            # Its lines would show the live channel's tickets.
            "uvicorn.access": {"handlers": [], "propagate": False},
        },
    }
