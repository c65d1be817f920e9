"""Every address of the portal. What each app serves is in its own `urls`; who may open it is in identity's access table."""

import sys
from importlib.util import find_spec

from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from chuanyu.node import errors


def health(request: HttpRequest) -> JsonResponse:
    """The portal answers; nothing about anyone."""
    return JsonResponse({"ok": True})


urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health, name="health"),
    path("language", set_language, name="set_language"),
]
for app in ("identity", "portal"):
    try:  # only while its parts are still being written
        urlpatterns.append(path("", include(f"chuanyu.{app}.urls")))
    except ImportError as error:
        print(f"chuanyu.{app} has no pages yet: {error}", file=sys.stderr)
if find_spec("chuanyu.cases.api"):
    from chuanyu.node.api import api

    urlpatterns.append(path("api/", api.urls))

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
