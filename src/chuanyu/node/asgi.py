"""The gateway as granian serves it: Django's models and settings first, then the ASGI program of exchange."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
django.setup()

from chuanyu.exchange.gateway import app  # noqa: E402  importing it reads the models

__all__ = ["app"]
