"""The lead units the plan names, on record at both nodes."""

import re

import pytest

from chuanyu.core.numbers import organisation_code
from chuanyu.core.service import NODES
from chuanyu.identity import actions, queries
from chuanyu.identity.models import Agency

# as the plan's clauses abbreviate them
NAMED = {
    "chongqing": "发展改革委 教委 科技局 公安局 民政局 人力社保局 住房城乡建委 交通运输委 商务委 "
    "文化旅游委 卫生健康委 应急管理局 医保局 广电局 体育局 渝北区",
    "sichuan": "发展改革委 教育厅 科技厅 公安厅 民政厅 人力资源社会保障厅 住房城乡建设厅 交通运输厅 商务厅 "
    "文化和旅游厅 卫生健康委 应急管理厅 医保局 广电局 体育局 中医药局 广安市",
}


@pytest.mark.parametrize("node", NODES)
def test_every_lead_unit_of_the_plan_is_declared(node: str) -> None:
    """An abbreviation's characters stand in the full name, in order."""
    names = [view.name.zh for view in queries.declared_agencies() if view.node == node]
    for short in NAMED[node].split():
        assert any(re.search(".*".join(short), name) for name in names), short
    assert len(names) == len(NAMED[node].split())


def test_declarations_are_whole() -> None:
    views = queries.declared_agencies()
    assert len({view.key for view in views}) == len({view.name.zh for view in views}) == len(views)
    for view in views:
        assert re.fullmatch(r"[a-z]{2,20}", view.code)
        assert not re.search(r"[\u4e00-\u9fff]", view.name.en)
        assert view.uscc == "" or organisation_code(view.uscc) == view.uscc


@pytest.mark.django_db
def test_both_nodes_agencies_are_on_record_and_follow_the_file() -> None:
    Agency.objects.filter(node="sichuan", code="hrss").update(name_zh="旧名")
    assert actions.load_agencies() == Agency.objects.count() == len(queries.declared_agencies())
    assert queries.agency("sichuan", "hrss").name.zh == "四川省人力资源和社会保障厅"
    assert queries.agency("chongqing", "hrss").key == "chongqing/hrss"
    assert set(queries.agencies()) == {view.key for view in queries.declared_agencies()}
    assert "sichuan/tcm" in queries.agencies("sichuan")
    assert not any(key.startswith("sichuan") for key in queries.agencies("chongqing"))


@pytest.mark.django_db
@pytest.mark.parametrize(("node", "code"), [("chongqing", "tcm"), ("guizhou", "hrss"), ("sichuan", "")])
def test_an_agency_that_is_not_on_record_is_named(node: str, code: str) -> None:
    with pytest.raises(LookupError, match=f"{node}/{code}"):
        queries.agency(node, code)


@pytest.mark.django_db
def test_staff_have_a_job_at_an_agency_of_this_node() -> None:
    with pytest.raises(ValueError, match="king"):
        actions.create_staff(username="x", password="x", agency="hrss", role="king")
    with pytest.raises(Agency.DoesNotExist):
        actions.create_staff(username="x", password="x", agency="tcm", role="clerk")  # only Sichuan has one
