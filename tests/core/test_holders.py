"""`to: holder`: money of a case that goes to whose account the payee's register says it is."""

import shutil
from pathlib import Path

import pytest

from chuanyu.core.checks import check

SOUND = Path(__file__).parent / "sound"
HELD = "documents:\n  held:    {class: Visit, by: place, register: true}\n"


def checked(tmp_path: Path, posting: str, documents: str = HELD) -> list[str]:
    """What is found where the sample's `own_share` goes to a holder."""
    root = tmp_path / "services"
    shutil.copytree(SOUND, root)
    file = root / "health/payment/service.yaml"
    text = file.read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.strip().startswith("own_share: {"))
    assert "to: fund" in line
    text = text.replace(line, line.replace("to: fund", posting)).replace("documents:\n", documents, 1)
    file.write_text(text, encoding="utf-8")
    return [problem.message for problem in check(root)]


def test_a_holder_known_by_the_register_is_sound(tmp_path: Path) -> None:
    assert checked(tmp_path, "to: holder, holder: {document: held, of: visit}") == []


@pytest.mark.parametrize(
    ("posting", "said"),
    [
        ("to: holder", "one of 'to: holder' and 'holder'"),
        ("to: fund, holder: {document: held, of: visit}", "one of 'to: holder' and 'holder'"),
        ("to: holder, holder: {document: account, of: visit}", "no document in the register of 'place'"),
        ("to: holder, holder: {document: nothing, of: visit}", "no document in the register of 'place'"),
        ("to: holder, holder: {document: held, of: nothing}", "no declared document"),
        ("to: holder, holder: {document: held, of: result}", "by which posting 'own_share' knows the holder"),
        ("to: holder, holder: {document: held}", "'of'"),
        ("to: somebody", "to"),
    ],
)
def test_what_does_not_say_whose_account_it_is_is_found(tmp_path: Path, posting: str, said: str) -> None:
    found = checked(tmp_path, posting)
    assert any(said in message for message in found), found


def test_a_document_only_a_holder_is_known_by_is_of_use(tmp_path: Path) -> None:
    found = checked(tmp_path, "to: fund")
    assert any("'held'" in message for message in found), found
