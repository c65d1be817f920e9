"""Every address of the portal. What each app serves is in its own `urls`; who may open it is in identity's access table."""

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.i18n import set_language

from chuanyu.node import errors
from chuanyu.node.api import api


def health(request: HttpRequest) -> JsonResponse:
    """The portal answers; nothing about anyone."""
    return JsonResponse({"ok": True})


urlpatterns = [
    path("health", health, name="health"),
    path("language", set_language, name="set_language"),
    path("api/", api.urls),
    path("", include("chuanyu.identity.urls")),
    path("", include("chuanyu.portal.urls")),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
