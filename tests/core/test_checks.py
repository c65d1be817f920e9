"""Every check of the catalogue, tried on a service that is broken in just that way.

`sound` holds a service with nothing wrong. A folder of `broken` holds the files that differ from it, and says itself what
must be found: `# expect: code` on the very line that must be named. Its name begins with the code it is about.
"""

import re
import shutil
from pathlib import Path

import pytest

from chuanyu.core.catalogue import SERVICES
from chuanyu.core.checks import CODES, check
from chuanyu.core.source import read

HERE = Path(__file__).parent
SOUND = HERE / "sound"
BROKEN = sorted(folder for folder in (HERE / "broken").iterdir() if folder.is_dir())
MARK = re.compile(r"# expect: (\w+)")


def expected(folder: Path) -> set[tuple[str, int, str]]:
    found = {
        (str(file.relative_to(folder)), number, code)
        for file in folder.rglob("*.*")
        if file.is_file() and file.suffix in (".py", ".yaml")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        for code in MARK.findall(line)
    }
    if folder.name == "no_declaration":  # there is no line to mark in a file that is not there
        found.add(("health/empty/service.yaml", 1, "no_declaration"))
    return found


@pytest.mark.parametrize("folder", BROKEN, ids=lambda folder: folder.name)
def test_broken_service_is_found_out(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "services"
    shutil.copytree(SOUND, root)
    shutil.copytree(folder, root, dirs_exist_ok=True)
    problems = check(root)
    found = {(str(Path(problem.file).relative_to(root)), problem.line, problem.code) for problem in problems}
    assert found == expected(folder), "\n".join(map(str, problems))
    assert folder.name.split("__")[0] in {code for _, _, code in found} | {"missing_key"}


def test_every_code_has_a_broken_service() -> None:
    marked = {code for folder in BROKEN for _, _, code in expected(folder)}
    assert marked == set(CODES)


def test_sound_service_passes() -> None:
    assert check(SOUND) == []


def test_installed_services_pass() -> None:
    assert [str(problem) for problem in check()] == []


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    root = tmp_path / "services"
    shutil.copytree(SOUND, root)
    file = root / "employment/sample/service.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("mode: online", "mode: x"),
        ("clause: 15", "clause: 0"),
        ("      owner: new\n", "      ownr: new\n"),
    ):
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    messages = [problem.message for problem in check(root)]
    assert {problem.code for problem in check(root)} == {"mode", "clause", "unknown_key", "state_owner"}
    assert "unknown key 'ownr' in state 'filed' (did you mean 'owner'?)" in messages


def test_problem_names_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SOUND, tmp_path / "services")
    file = tmp_path / "services/employment/sample/service.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("mode: online", "mode: x"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (problem,) = check(tmp_path / "services")
    line = file.read_text(encoding="utf-8").splitlines().index("mode: x") + 1
    assert str(problem).startswith(f"services/employment/sample/service.yaml:{line}: 'mode' is 'x', not one of online")


def test_forbidden_code_is_never_run(tmp_path: Path) -> None:
    root = tmp_path / "services"
    shutil.copytree(SOUND, root)
    rules = root / "employment/sample/rules.py"
    witness = tmp_path / "ran"
    rules.write_text(f"import pathlib\npathlib.Path({str(witness)!r}).touch()\n{rules.read_text(encoding='utf-8')}")
    assert "import" in {problem.code for problem in check(root)}
    assert not witness.exists()


def test_a_module_beside_helps_under_the_same_limits(tmp_path: Path) -> None:
    root = tmp_path / "services"
    shutil.copytree(SOUND, root)
    folder = root / "employment/sample"
    rules, helper, witness = folder / "rules.py", folder / "helping.py", tmp_path / "ran"
    helper.write_text("ZERO = 0\n", encoding="utf-8")
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("from .documents", "from .helping import ZERO\nfrom .documents"), encoding="utf-8")
    assert check(root) == []
    helper.write_text(f"import pathlib\npathlib.Path({str(witness)!r}).touch()\nZERO = 0\n", encoding="utf-8")
    found = {(Path(problem.file).name, problem.line, problem.code) for problem in check(root)}
    assert ("helping.py", 1, "import") in found and not witness.exists()
    rules.write_text(text.replace("from .documents", "from .absent import ZERO\nfrom .documents"), encoding="utf-8")
    assert "import" in {problem.code for problem in check(root)}


def test_services_share_no_code_but_that_of_their_chapter(tmp_path: Path) -> None:
    rules = tmp_path / "rules.py"
    package = "chuanyu.services.health.family_wallet"
    shared = SERVICES / "health/bills.py"
    rules.write_text("from chuanyu.services.health.medical_settlement.documents import Bill\n", encoding="utf-8")
    assert [finding.code for finding in read(rules, package).findings] == ["import"]
    assert read(shared, "chuanyu.services.health").findings == []
    for file in sorted((SERVICES / "health/chronic_outpatient").glob("*.py")):
        assert read(file, "chuanyu.services.health.chronic_outpatient").findings == []
