"""Every component on one page: to look at, and for tests to hold."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

TOKENS = (
    "paper", "surface", "sunken", "ink", "ink-soft", "line", "line-strong", "river", "river-tint", "river-art", "clay",
    "clay-tint", "clay-art", "ok", "ok-tint", "warn", "warn-tint", "stop", "stop-tint", "band", "act",
)  # fmt: skip


def design(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/design.html", {"tokens": TOKENS})
