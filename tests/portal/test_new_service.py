"""A service added as a folder is in search, guide, form, tracker, counter, office, plan and API without another line.

The folder is the one that docs/tutorial/first-service.md tells its reader to write.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from django.test import Client
from markup import hidden, read

from chuanyu.cases import declarations
from chuanyu.core import catalogue as catalogues
from chuanyu.core.checks import check
from chuanyu.core.numbers import make_person_number
from chuanyu.exchange import installed
from chuanyu.identity import actions, vault
from chuanyu.watch import queries as watch

pytestmark = pytest.mark.django_db
Staff = Callable[[str], Client]
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-service.md"
NAME, ENGLISH = "跨省图书通借", "Library books across the border"


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installed services and one folder more."""
    folder = tmp_path / "culture" / "library_lending"
    folder.mkdir(parents=True)
    files = re.findall(r"^`([a-z.]+)`:\n\n```\w+\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.M | re.S)
    assert [name for name, _ in files] == ["service.yaml", "documents.py", "rules.py", "examples.yaml"]
    for name, content in files:
        (folder / name).write_text(content)
    assert check(folder) == []
    installed_ones = catalogues._folders
    monkeypatch.setattr(catalogues, "_folders", lambda root: [*installed_ones(root), folder])
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    catalogues.catalogue.cache_clear()
    watch.forget()


def test_a_folder_is_all_a_service_needs(added: None, house: None, staff: Staff, sign_in: Callable[..., None]) -> None:
    assert "library_lending" in catalogues.catalogue()
    anyone = Client()

    # search: in Chinese, in English, and where life brings people to it
    for asked in ("?q=图书通借", "?q=library", "?life=study"):
        assert NAME in read(anyone.get(f"/services/{asked}")).text

    # guide: steps, numbers with their source, worked examples, reasons
    guide = read(anyone.get("/services/library_lending/")).text
    for said in (NAME, "待开通", "最低年龄", "示例〔2025〕1号", "示例参数", "年满16周岁", "未满16周岁，需由监护人申请"):
        assert said in guide, said
    anyone.cookies["chuanyu_language"] = "en"
    assert ENGLISH in read(anyone.get("/services/library_lending/")).text

    # form, with its errors at the field, and what follows
    number = make_person_number("500000", date(1990, 4, 12), 9, "female")
    person = vault.enrol(number, "测试小书", "500103")
    user = actions.create_resident(username="reader", password="correct horse battery", person=person, display="*小书")
    reader = Client()
    sign_in(reader, user)
    form = read(reader.get("/services/library_lending/apply/"))
    assert "读者证号" in form.text
    wrong = read(reader.post("/services/library_lending/apply/", {"application-card": ""}))
    assert wrong.summary and wrong.summary[0][0] == "#application-card"
    reader.post("/services/library_lending/apply/", {"application-card": "川A-1"})
    check_page = read(reader.get("/services/library_lending/apply/check/"))
    assert "川A-1" in check_page.text
    sent = reader.post("/services/library_lending/apply/check/", hidden(check_page))
    case = sent.headers["Location"].split("/")[2]

    # tracker
    tracker = read(reader.get(f"/cases/{case}/")).text
    assert NAME in tracker and "待开通" in tracker and "待登记" in tracker

    # counter: in the list, on the desk, decided by its rule
    clerk = staff("clerk")
    assert NAME in read(clerk.get("/counter/")).text
    desk = read(clerk.get(f"/counter/{case}/"))
    assert "川A-1" in desk.text and "可以办理" in desk.text
    opened = clerk.post(f"/counter/{case}/acts/open/", {"expects": "1"})
    assert opened.status_code == 302
    assert "待登记" in read(reader.get(f"/cases/{case}/")).text

    # office: its scorecard, and in the plan under its clause
    office = staff("office")
    assert NAME in read(office.get("/office/services/")).text
    assert NAME in read(office.get("/office/services/library_lending/")).text
    assert NAME in read(Client().get("/plan/")).text

    # agency and API: its papers and their schema, and the case itself
    assert "通借申请" in read(Client().get("/agency/documents/")).text
    listed = {each["key"] for each in json.loads(Client().get("/api/services").content)}
    assert "library_lending" in listed
    described = Client().get("/api/services/library_lending").content.decode()
    assert "读者证号" in described
    assert case in reader.get("/api/cases").content.decode()

    # and what the two provinces have to grant each other for it
    assert any(grant.service == "library_lending" for grant in installed.current().grants)
    assert declarations.exists(catalogues.catalogue()["library_lending"].hash)
