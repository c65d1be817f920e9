"""The list of mutations is true: what it takes away is there, and the test it names exists. CHUANYU_MUTATIONS=1 does them all."""

import os

import mutations
import pytest
from mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_list_is_true(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
    file, _, test = mutation.test.partition("::")
    assert f"def {test}(" in (ROOT / "tests" / "clearing" / file).read_text()


def test_names_are_unique() -> None:
    assert len({m.name for m in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.skipif("CHUANYU_MUTATIONS" not in os.environ, reason="long: CHUANYU_MUTATIONS=1")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_is_noticed(mutation: Mutation) -> None:
    assert mutations.notices(mutation)
