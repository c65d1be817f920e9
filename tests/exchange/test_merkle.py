"""The tree against the published vectors of RFC 6962/9162, and against its own definition for any size."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.exchange import merkle
from chuanyu.exchange.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion

# the entries and roots of the Certificate Transparency reference tests
ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert Tree(LEAVES[:size]).root().hex() == ROOTS[size]
    assert Tree(LEAVES).root(size).hex() == ROOTS[size]


def test_published_proofs() -> None:
    """RFC 9162, 2.1.5: the tree of seven leaves; its letters are recomputed here from the definition."""
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, left = merkle.node_hash(i, j), merkle.node_hash(g, h)
    tree = Tree(LEAVES[:7])
    assert tree.root() == merkle.node_hash(left, k)
    assert tree.inclusion(0) == [b, h, k]
    assert tree.inclusion(3) == [c, g, k]
    assert tree.inclusion(4) == [f, j, left]
    assert tree.inclusion(6) == [i, left]
    assert tree.consistency(3) == [c, d, g, k]
    assert tree.consistency(4) == [k]
    assert tree.consistency(6) == [i, j, left]


def naive(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 writes it down."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(naive(leaves[:k]), naive(leaves[k:]))


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@given(st.integers(0, 200), st.data())
def test_any_tree_proves_itself(size: int, data: st.DataObject) -> None:
    tree = Tree(leaves(size))
    assert tree.root() == naive(leaves(size))
    first = data.draw(st.integers(0, size))
    proof = tree.consistency(first)
    assert verify_consistency(first, size, tree.root(first), tree.root(), proof)
    if size:
        index = data.draw(st.integers(0, size - 1))
        assert verify_inclusion(leaves(size)[index], index, size, tree.inclusion(index), tree.root())


@given(st.integers(1, 100), st.data())
def test_a_changed_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    tree = Tree(leaves(size))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = leaves(size)[index], tree.inclusion(index), tree.root()
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, [*proof, leaf], root)
    assert not verify_inclusion(leaf, index, size, proof, merkle.EMPTY)
    other = data.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
    assert not verify_inclusion(leaf, other, size, proof, root)
    for position in range(len(proof)):
        wrong = [*proof[:position], leaf_hash(b"wrong"), *proof[position + 1 :]]
        assert not verify_inclusion(leaf, index, size, wrong, root)


@given(st.integers(2, 100), st.data())
def test_a_rewritten_log_is_seen(size: int, data: st.DataObject) -> None:
    """Change one entry of the past: no proof leads from the old head to the new root."""
    first = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, first - 1))
    old, new = leaves(size), leaves(size)
    new[changed] = leaf_hash(b"rewritten")
    honest, forged = Tree(old), Tree(new)
    assert not verify_consistency(first, size, honest.root(first), forged.root(), forged.consistency(first))
    proof = honest.consistency(first)
    assert not verify_consistency(first, size, honest.root(first), honest.root(), [*proof, leaf_hash(b"more")])
    assert not verify_consistency(first, size, honest.root(first), honest.root(), proof[:-1])
    assert not verify_consistency(size, first, honest.root(), honest.root(first), proof)


def test_proofs_outside_the_tree_are_refused() -> None:
    tree = Tree(LEAVES)
    for call in (
        lambda: tree.inclusion(8),
        lambda: tree.inclusion(-1),
        lambda: tree.consistency(9),
        lambda: tree.root(9),
    ):
        with pytest.raises(IndexError):
            call()
