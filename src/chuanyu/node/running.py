"""Which `chuanyu up` holds a node: a lock that the kernel frees when its holder dies, however it dies."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from chuanyu.node import place

FILE = "supervisor.lock"


@dataclass
class Lock:
    """Held as long as it lives. The file says who holds it; a file without a holder means nothing."""

    descriptor: int

    @classmethod
    def take(cls, home: Path, nodes: tuple[str, ...]) -> Self | None:
        """The lock of one node's folder, or None when another process holds it."""
        home.mkdir(parents=True, exist_ok=True, mode=0o711)
        descriptor = os.open(home / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode({"pid": os.getpid(), "nodes": nodes}), 0)
        return cls(descriptor)

    def free(self) -> None:
        """Give it up."""
        os.close(self.descriptor)


def holder(node: str) -> tuple[int, tuple[str, ...]] | None:
    """(pid, nodes) of the `chuanyu up` that runs `node` now, or None."""
    try:
        descriptor = os.open(place.var() / node / FILE, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            said = msgspec.json.decode(os.pread(descriptor, 4096, 0))
        except msgspec.DecodeError:  # it has just taken the lock and not written yet
            return (0, ())
        return said["pid"], tuple(said["nodes"])
    finally:
        os.close(descriptor)
    return None
