"""What every request passes: a trace id and one log line, the security headers, the language."""

import time
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import check_for_language

Next = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger("chuanyu.portal")

# Everything a page needs comes from its own origin; no inline script or style. QR codes of the second factor are data: images
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def trace(get_response: Next) -> Next:
    """Give the request a trace id (request.trace, X-Trace-Id, every log line) and write one line when it is answered."""

    def middleware(request: HttpRequest) -> HttpResponse:
        begun, worked = time.perf_counter(), time.thread_time()
        request.trace = uuid.uuid4().hex[:16]  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(trace=request.trace):  # type: ignore[attr-defined]
            response = get_response(request)
            response["X-Trace-Id"] = request.trace  # type: ignore[attr-defined]
            # the path without its query: a search term may name a person; a token would open what it is for
            log.info(
                "request",
                method=request.method,
                path=_without_token(request),
                status=response.status_code,
                ms=round((time.perf_counter() - begun) * 1000, 1),
                cpu_ms=round((time.thread_time() - worked) * 1000, 1),  # without waiting for the database or for others
            )
        return response

    return middleware


def _without_token(request: HttpRequest) -> str:
    token = request.resolver_match.kwargs.get("token") if request.resolver_match else None
    return request.path.replace(token, "…") if token else request.path


def headers(get_response: Next) -> Next:
    """Content security policy on everything; pages made for someone signed in are never kept by a cache.

    Nor is a part of a page: it shares its address with the whole, and Back would show it naked.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
        session = getattr(request, "session", None)
        signed_in = session is not None and session.accessed and not session.is_empty()
        if signed_in or request.headers.get("HX-Request"):
            response["Cache-Control"] = "no-store"
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    return middleware


def language(get_response: Next) -> Next:
    """Chinese unless the person chose otherwise (the cookie of `set_language`); the browser's own preference is not asked."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        known = chosen in dict(settings.LANGUAGES) and check_for_language(chosen)
        with translation.override(chosen if known else settings.LANGUAGE_CODE):
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
            response = get_response(request)
            response.setdefault("Content-Language", request.LANGUAGE_CODE)
            patch_vary_headers(response, ["Cookie"])
        return response

    return middleware
