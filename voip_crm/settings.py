"""Every setting of the project, read from the environment (and from `.env` when there is one).

Secrets have no defaults: a missing one stops the process with its name. docs/settings.md says
what each variable means.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from voip_crm import log_settings, mail_settings, push_settings, recording_settings
from voip_crm.environment import LOOPBACK, Environment
from voip_crm.postgresql.options import options

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
env.read_env(BASE_DIR / ".env")

SECRET_KEY = env.str("SECRET_KEY")
# Encrypt the workspaces' secrets in the database (tenants/bricks/secrets.py): the first one does,
# all decrypt.
SECRETS_KEYS = env.list("SECRETS_KEYS", default=[])
DEBUG = env.bool("DEBUG", False)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL").rstrip("/")
IS_HTTPS = PUBLIC_BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or [urlsplit(PUBLIC_BASE_URL).hostname]
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

INSTALLED_APPS = [
    "tenants.apps.WorkspaceAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "voip_crm.apps.StaticFiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "tenants",
    "contacts",
    "calls",
    "voip_crm",
]

MIDDLEWARE = [
    "voip_crm.logs.RequestLogMiddleware",
    "voip_crm.headers.HeadersMiddleware",
    "voip_crm.headers.PageCompressionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "voip_crm.health.HealthMiddleware",
    "voip_crm.answers.BodyLimitMiddleware",
    "voip_crm.answers.DeadlineMiddleware",
    "voip_crm.webhook_lane.WebhookLane",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tenants.signing_in.identity.PersonMiddleware",
    "tenants.signing_in.identity.DeviceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.middleware.TenantMiddleware",
]
# A redirect to a slash would break a webhook's signature.
APPEND_SLASH = False

ROOT_URLCONF = "voip_crm.urls"
WSGI_APPLICATION = "voip_crm.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "calls.pages.context.phone",
            ],
            "builtins": ["tenants.bricks.kept"],
        },
    },
]

DATABASES = {"default": env.db_url("DATABASE_URL")}
# Only migrations sign in as the owner of the tables (tenants/fence/roles.py).
DATABASE_OWNER: dict[str, Any] = {}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock at BEGIN, so that two writers wait instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["ENGINE"] = "voip_crm.postgresql"
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
    DATABASES["default"] |= {"CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": True}
    DATABASES["default"]["OPTIONS"] = options(env, DATABASES["default"])
    if owner_url := env.str("DATABASE_OWNER_URL", ""):
        DATABASE_OWNER = env.db_url_config(owner_url)
DATABASE_APPLICATION: dict[str, Any] = dict(DATABASES["default"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tenants.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword")
]
PASSWORD_HASHERS = ["tenants.signing_in.hashing.Hasher"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses; the next one signs in
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "calls"
LOGOUT_REDIRECT_URL = "sign_in"

# Failed sign-ins (tenants/signing_in/throttle.py). A refused try does not make a pause longer.
AXES_HANDLER = "tenants.signing_in.throttle.Failures"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_CLIENT_IP_CALLABLE = "tenants.signing_in.throttle.address_of"
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "tenants.signing_in.throttle.name_of"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False  # its tables are of all workspaces

# Who may use the admin needs a second factor wherever others than this machine come in.
ADMIN_NEEDS_SECOND_FACTOR = urlsplit(PUBLIC_BASE_URL).hostname not in LOOPBACK
OTP_TOTP_ISSUER = "VoIP CRM"

TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Finders need no collectstatic (./run and ./test); else static.py serves what it collected.
STATIC_USE_FINDERS = env.bool("STATIC_USE_FINDERS", DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_USE_FINDERS
        else "voip_crm.static.Storage"
    },
}

RECORDINGS_DIR = BASE_DIR / env.str("RECORDINGS_DIR", "var/recordings")
RECORDINGS_SENT_BY = env.choice("RECORDINGS_SENT_BY", "web", recording_settings.SENDERS)
RECORDINGS_STORE = recording_settings.store(env)  # of S3, instead of the folder

REDIS_URL = env.str("REDIS_URL", "")
# Without Redis each process counts requests for itself (calls/api/throttles.py).
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "voip_crm.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "voip_crm",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 900
CELERY_DB_REUSE_MAX = 100
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A web process must not hang when the broker is away: the sweep finds what was not queued.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 3600,
        "socket_connect_timeout": 1,
        # A worker waits for a task for a second at a time; what it hands over waits for no longer.
        "socket_timeout": 5,
        # Unlimited by default: whoever queues a task would wait six seconds for a dead broker.
        "max_retries": 1,
        "interval_start": 0,
    }
    if REDIS_URL
    else {"polling_interval": 0.05}
)
SWEEP_SECONDS = env.float("SWEEP_SECONDS", 30.0)
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "calls.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},  # the next one does what this one would have done
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "calls.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["calls.api.authentication.HasTenant"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["calls.api.fields.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "calls.api.errors.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,  # ?format=… is an unknown parameter like any other
}

SPECTACULAR_SETTINGS = {
    "TITLE": "VoIP CRM",
    "VERSION": "1",
    "DESCRIPTION": "Calls of a workspace as JSON. Guide with examples: docs/api.md.",
    "SCHEMA_PATH_PREFIX": "/api/twilio/",
    "PREPROCESSING_HOOKS": ["calls.api.schema.without_slash"],
}

# Clerk signs people in to the API; without an issuer no bearer token is accepted.
CLERK_ISSUER = env.str("CLERK_ISSUER", "").rstrip("/")
CLERK_JWKS_URL = env.str("CLERK_JWKS_URL", "") or f"{CLERK_ISSUER}/.well-known/jwks.json"
CLERK_AUTHORIZED_PARTIES = env.list("CLERK_AUTHORIZED_PARTIES", default=[]) or [PUBLIC_BASE_URL]

# Twilio. The sandbox URL replaces every Twilio host; without it real credentials are needed.
TWILIO_SANDBOX_URL = env.str("TWILIO_SANDBOX_URL", "").rstrip("/")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
# Still believed in webhooks until a time while the token is rotated.
TWILIO_AUTH_TOKEN_PREVIOUS = env.str("TWILIO_AUTH_TOKEN_PREVIOUS", "")
TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL = env.str("TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL", "")
TWILIO_API_KEY_SID = env.str("TWILIO_API_KEY_SID", "")
TWILIO_API_KEY_SECRET = env.str("TWILIO_API_KEY_SECRET", "")
TWILIO_TWIML_APP_SID = env.str("TWILIO_TWIML_APP_SID", "")
TWILIO_PHONE_NUMBER = env.str("TWILIO_PHONE_NUMBER", "")  # of the first workspace: assign_number
RING_TIMEOUT = env.int("RING_TIMEOUT", 30)  # seconds a contact's phone rings (5 to 600)
WEB_PUSH = push_settings.push(env)  # tells browsers without a page of callers; None: off
MISSED_OFFERS = max(1, env.int("MISSED_OFFERS", 2))  # in a row, which set an agent to Away

SESSION_ENGINE = "tenants.signing_in.store"
SESSION_COOKIE_AGE = 12 * 3600  # seconds after the last request (tenants/signing_in/sessions.py)
SESSION_LONGEST_SECONDS = 7 * 24 * 3600  # … after the sign-in
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# With this prefix no other host of the domain can set them; browsers want https for it.
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_HTTPS else "csrftoken"
CSRF_FAILURE_VIEW = "tenants.signing_in.forgery.refused"
# TLS ends at the proxy, which must replace this header (docs/operating.md); plain http is sent on
# to https, but for the health checks of a load balancer.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", IS_HTTPS)
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 30 * 24 * 3600) * IS_HTTPS
# Other hosts of the domain, and the browsers' preload list, are not ours to promise for. The forms
# say that somebody is refused, not axes' middleware, which under ASGI would lose the page.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "axes.W002"]
X_FRAME_OPTIONS = "DENY"

_phone_hosts = (
    [TWILIO_SANDBOX_URL.replace("http", "ws", 1)]
    if TWILIO_SANDBOX_URL
    else ["wss://*.twilio.com", "https://eventgw.twilio.com", "https://*.twilio.com"]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:", *recording_settings.origins(RECORDINGS_STORE)],
        "connect-src": ["'self'", *_phone_hosts],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

SENDS_MAIL = bool(env.str("EMAIL_URL", ""))
globals().update(mail_settings.mail(env, urlsplit(PUBLIC_BASE_URL).hostname))

# One JSON object per line; "plain" is for people (./run).
LOG_FORMAT = env.choice("LOG_FORMAT", "json", ["json", "plain"])
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOGGING = log_settings.logging(LOG_FORMAT, LOG_LEVEL)

env.refuse_unknown(BASE_DIR / ".env")
