"""The Merkle tree of RFC 9162 (section 2.1): roots, proofs that an entry is in it, proofs that it only ever grew.

Pure. A leaf hash is SHA-256(0x00 ‖ data), a node SHA-256(0x01 ‖ left ‖ right), so neither can pass for the other.
The functions that verify need nothing but the proof: they are what a person runs years later, away from the node.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry, 32 bytes."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees, 32 bytes."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A growing tree over leaf hashes. Keeps 64 bytes per leaf; `append` costs one or two hashes."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        # _levels[k] holds, end to end, the hashes of the complete subtrees of 2**k leaves
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0]) // 32

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the end."""
        level, value = 0, leaf
        while True:
            if level == len(self._levels):
                self._levels.append(bytearray())
            row = self._levels[level]
            row += value
            if len(row) % 64:
                return
            value = node_hash(bytes(row[-64:-32]), bytes(row[-32:]))
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves (default: all). The empty tree's is SHA-256 of nothing."""
        size = self._size(size)
        return self._subtree(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The path that proves leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
        size = self._size(size)
        if not 0 <= index < size:
            raise IndexError(f"the tree of {size} leaves has no leaf {index}")
        path, low, high = [], 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._subtree(middle, high))
                high = middle
            else:
                path.append(self._subtree(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, first: int, size: int | None = None) -> list[bytes]:
        """The proof that the tree of `first` leaves is a prefix of the one of `size` leaves (RFC 9162, 2.1.4.1)."""
        size = self._size(size)
        if not 0 <= first <= size:
            raise IndexError(f"the tree of {size} leaves never had {first}")
        if first in (0, size):
            return []
        path, low, high, whole = [], 0, size, True
        while first != high:
            middle = low + _split(high - low)
            if first <= middle:
                path.append(self._subtree(middle, high))
                high = middle
            else:
                path.append(self._subtree(low, middle))
                low, whole = middle, False
        # the subtree both trees share is known to the verifier only when it is the whole first tree
        if not whole:
            path.append(self._subtree(low, high))
        return path[::-1]

    def _size(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise IndexError(f"the tree has {len(self)} leaves, not {size}")
        return size

    def _subtree(self, low: int, high: int) -> bytes:
        """The hash over leaves low … high-1; `low` is a multiple of the largest power of two below the width."""
        width = high - low
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            at = (low >> level) * 32
            return bytes(self._levels[level][at : at + 32])
        middle = low + _split(width)
        return node_hash(self._subtree(low, middle), self._subtree(middle, high))


def _split(width: int) -> int:
    """The largest power of two smaller than `width` (≥ 2)."""
    return 1 << (width - 1).bit_length() - 1


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that leaf hash `leaf` is number `index` of the `size` under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            value = node_hash(step, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = node_hash(value, step)
        number, last = number >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(first: int, size: int, first_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree under `root` only added to the one under `first_root` (RFC 9162, 2.1.4.2).

    From the empty tree everything is growth; of the same size only the same root is.
    """
    if not 0 <= first <= size:
        return False
    if first in (0, size):
        return not proof and first_root == (EMPTY if first == 0 else root)
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    number, last = first - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, step)
        number, last = number >> 1, last >> 1
    return last == 0 and old == first_root and new == root
