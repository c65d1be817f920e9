"""Which node this is. Capabilities ask here and never read settings for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from django.conf import settings

from chuanyu.core.service import NODES

# (node, home) while a test acts as the other node; otherwise the node's Place decides
_acting: ContextVar[tuple[str, Path] | None] = ContextVar("acting", default=None)


def here() -> str:
    """This node: "chongqing" or "sichuan"."""
    acting = _acting.get()
    return acting[0] if acting else str(settings.PLACE.node)


def peer() -> str:
    """The other node."""
    return other(here())


def home() -> Path:
    """The folder with this node's keys and data, outside the database (var/<node>)."""
    acting = _acting.get()
    return acting[1] if acting else Path(settings.PLACE.home)


def other(node: str) -> str:
    """The other one of the two nodes; ValueError for a name that is neither."""
    if node not in NODES:
        raise ValueError(f"no such node: {node!r}")
    return NODES[1 - NODES.index(node)]


@contextmanager
def as_node(node: str, home: Path | None = None) -> Iterator[None]:
    """Act as `node` inside the block (tests, and tools that look at both nodes of one machine).

    `home` defaults to the folder beside this node's own. The database stays the same.
    """
    other(node)
    token = _acting.set((node, home or Path(settings.PLACE.home).parent / node))
    try:
        yield
    finally:
        _acting.reset(token)
