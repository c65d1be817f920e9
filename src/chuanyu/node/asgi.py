"""The gateway as granian serves it: Django's models and settings first, then the ASGI program of exchange.

Beside it, on the same port, the ledger's own door for the agencies' systems of this node.
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
django.setup()

from django.conf import settings  # noqa: E402  importing what follows reads the models

from chuanyu.clearing import api, door  # noqa: E402
from chuanyu.exchange import gateway  # noqa: E402

_ledger = door.Door(url=settings.PLACE.database_url, secret=settings.PLACE.local_token, reads=api.answered)


async def app(scope: dict[str, Any], receive: door.Receive, send: door.Send) -> None:
    """The ASGI program of the node CHUANYU_NODE."""
    if scope["type"] == "http" and scope["path"].startswith(door.PREFIX):
        await _ledger.serve(scope, receive, send)
    else:
        await gateway.app(scope, receive, send)


__all__ = ["app"]
