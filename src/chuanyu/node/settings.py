"""Django settings of one node. Which one: CHUANYU_NODE; where its folder is: CHUANYU_VAR. DEBUG is never on."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from chuanyu.node import logs, place


def database(url: str, *, pooled: bool = False) -> dict[str, object]:
    """A PostgreSQL address as Django's DATABASES entry. `pooled`: one pool per process, for programs with threads."""
    parts = urlsplit(url)
    options: dict[str, object] = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    if pooled:
        options["pool"] = {"min_size": 1, "max_size": 6, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # the pool hands out no connection of a database that has died since
        "ATOMIC_REQUESTS": False,
    }


NODE = os.environ.get("CHUANYU_NODE", "")
PROCESS = os.environ.get("CHUANYU_PROCESS", "command")  # portal | gateway | worker | command
# Tools that only read the code (mypy, makemigrations) name no node: they get a place whose database can't be reached
PLACE = (
    place.Place.load(NODE)
    if NODE
    else place.Place.of("chongqing", place.var() / "chongqing", place.new("chongqing", sockets=Path("/nonexistent")))
)
HTTPS = PLACE.portal_url.startswith("https://")

DEBUG = False
SECRET_KEY = PLACE.secret_key
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", urlsplit(PLACE.portal_url).hostname or "localhost"]
if PLACE.host not in ("127.0.0.1", "localhost"):  # opened to the network on purpose: whoever put a name on it names it
    ALLOWED_HOSTS += os.environ.get("CHUANYU_ALLOWED_HOSTS", PLACE.host).split(",")
CSRF_TRUSTED_ORIGINS = [PLACE.portal_url] if HTTPS else []

# Only migrations connect as the owner of the tables
DATABASES = {
    "default": database(PLACE.owner_url if PROCESS == "migrate" else PLACE.database_url, pooled=PROCESS == "portal")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "chuanyu.node",
    "chuanyu.identity",
    "chuanyu.exchange",
    "chuanyu.clearing",
    "chuanyu.cases",
    "chuanyu.delivery",
    "chuanyu.watch",
    "chuanyu.portal",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

MIDDLEWARE = [
    "chuanyu.node.middleware.trace",
    "django.middleware.gzip.GZipMiddleware",  # pads its answers at random (against BREACH); tokens are masked anyway
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "chuanyu.node.middleware.headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "chuanyu.node.middleware.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "chuanyu.identity.access.AccessMiddleware",
]
ROOT_URLCONF = "chuanyu.node.urls"
WSGI_APPLICATION = "chuanyu.node.wsgi.application"
CSRF_FAILURE_VIEW = "chuanyu.node.errors.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chuanyu.portal.shell.shell",
            ]
        },
    }
]

# Browsers ignore ports when they keep cookies: each node has names of its own
SESSION_COOKIE_NAME = f"chuanyu_{PLACE.node}_session"
CSRF_COOKIE_NAME = f"chuanyu_{PLACE.node}_csrf"
LANGUAGE_COOKIE_NAME = "chuanyu_language"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 8 * 3600  # a working day
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# not in a cookie: cookies know no port, so that one node would show what the other said
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # granian listens on loopback behind the TLS proxy
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
# `chuanyu up` collects the static files under names with their hash; without that (tests) they come from the source
_COLLECTED = place.var() / "static"
COLLECTED = PROCESS == "portal" and (_COLLECTED / "staticfiles.json").exists()
STATIC_ROOT = _COLLECTED if COLLECTED or PROCESS == "collect" else None
WHITENOISE_USE_FINDERS = not COLLECTED
WHITENOISE_MANIFEST_STRICT = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED or PROCESS == "collect"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
MEDIA_ROOT = PLACE.home / "files"

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = f"川渝 {PLACE.node}"
# a whole office may come from one address; wrong passwords are counted apart: identity/guessing.py
ACCOUNT_RATE_LIMITS = {"login": "240/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_ADAPTER = "chuanyu.identity.adapters.AccountAdapter"
MFA_ADAPTER = "chuanyu.identity.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "chuanyu.identity.forms.AuthenticateForm",
    "reauthenticate": "chuanyu.identity.forms.ReauthenticateForm",
}
CHUANYU_STAFF_IDLE = 15 * 60  # seconds without a sign of a person after which a staff session locks
CHUANYU_RESIDENT_IDLE = 30 * 60  # seconds after which a resident is signed out: the next one at this screen is another
CHUANYU_STAFF_LOCKED = 60 * 60  # seconds after which a locked one ends
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if HTTPS else 0  # whose address the sign-in limits count
# Sign-in limits, used one-time codes and who has which case open, for all of the portal's processes together. Room for
# many: a full cache throws out what is still needed, and a code thrown out could be used again
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "identity_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # Pieces of page that are the same for everybody, per process: never anything about a person
    "pieces": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 1000}},
}

TEST_RUNNER = "django.test.runner.DiscoverRunner"
SILENCED_SYSTEM_CHECKS: list[str] = []
LOGGING_CONFIG = None
logs.configure(PLACE.home / "logs" / f"{PROCESS}.jsonl" if NODE and PROCESS != "collect" else None, node=PLACE.node)
