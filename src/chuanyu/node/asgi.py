"""The gateway as granian serves it: Django's models and settings first, then the ASGI program of exchange.

Beside it, on the same port, the doors for the agencies' own systems of this node: the ledger's, and the one for files.
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
django.setup()

from django.conf import settings  # noqa: E402  importing what follows reads the models

from chuanyu.clearing import api, door  # noqa: E402
from chuanyu.clearing.files.door import PREFIX as FILES  # noqa: E402
from chuanyu.clearing.files.door import Door as FileDoor  # noqa: E402
from chuanyu.exchange import gateway  # noqa: E402

_ledger = door.Door(url=settings.PLACE.database_url, secret=settings.PLACE.local_token, reads=api.answered)
_files = FileDoor(secret=settings.PLACE.local_token)


async def app(scope: dict[str, Any], receive: door.Receive, send: door.Send) -> None:
    """The ASGI program of the node CHUANYU_NODE."""
    if scope["type"] == "http" and scope["path"].startswith(FILES):
        await _files.serve(scope, receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(door.PREFIX):
        await _ledger.serve(scope, receive, send)
    else:
        await gateway.app(scope, receive, send)


__all__ = ["app"]
