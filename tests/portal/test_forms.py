"""The one form renderer: rows, errors at their field, and the way back from plain data."""

from datetime import date
from typing import Annotated

import pytest

from chuanyu.core.documents import Choice, Division, Document, Meta, Title, decode, encode
from chuanyu.core.money import Money
from chuanyu.portal import forms


class Kind(Choice):
    one = "one", "甲", "One"
    two = "two", "乙", "Two"


class Year(Document):
    year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
    wages: Annotated[Money, Title("工资", "Wages")]


class Sheet(Document):
    name: Annotated[str, Title("名称", "Name", "照写。", "As it is."), Meta(max_length=30)]
    on: Annotated[date, Title("日期", "Date")]
    kind: Annotated[Kind, Title("种类", "Kind")]
    home: Annotated[Division | None, Title("户籍", "Household")] = None
    sure: Annotated[bool, Title("确认", "Sure")] = False
    years: Annotated[tuple[Year, ...], Title("逐年", "By year"), Meta(max_length=3)]


FULL = {
    "s-name": "甲", "s-on": "2025-03-03", "s-kind": "two", "s-home": "511602", "s-sure": "true",
    "s-years-0-year": "2021", "s-years-0-wages": "40000.00", "s-years-1-year": "2022", "s-years-1-wages": "54000.00",
}  # fmt: skip


def test_what_is_typed_is_read_and_written_back() -> None:
    plain, errors = forms.read(Sheet, FULL, "s")
    assert not errors
    assert forms.typed_of(Sheet, encode(decode(Sheet, plain)), "s") == FULL


def test_every_error_stands_at_its_field() -> None:
    typed = FULL | {"s-on": "2025-02-30", "s-years-1-wages": "12.345", "s-name": ""}
    _, errors = forms.read(Sheet, typed, "s")
    found = {entry.name: entry for entry in forms.entries(Sheet, typed, "s", errors)}
    assert "2025-02-30" in found["s-on"].errors[0]
    assert found["s-name"].described == "s-name-hint s-name-error"
    wages = found["s-years"].rows[1].entries[1]
    assert wages.name == "s-years-1-wages" and wages.errors and wages.value == "12.345"
    assert not found["s-years"].rows[0].entries[1].errors


@pytest.mark.parametrize(
    "written", ["2025年3月3日", "2025/3/3", "2025.3.3", "20250303", "2025-3-3", "２０２５年３月３日"]
)
def test_dates_are_read_as_people_write_them(written: str) -> None:
    plain, errors = forms.read(Sheet, FULL | {"s-on": written}, "s")
    assert not errors and plain["on"] == "2025-03-03"


@pytest.mark.parametrize("written", ["2025年2月30日", "3月3日", "去年", "2025-03", "202533"])
def test_what_is_no_date_is_still_refused(written: str) -> None:
    assert [error.path for error in forms.read(Sheet, FULL | {"s-on": written}, "s")[1]] == ["s.on"]


def test_blank_rows_go_before_errors_are_counted() -> None:
    typed = FULL | {"s-years-0-year": "", "s-years-0-wages": " ", "s-years-1-wages": "x"}
    tidy = forms.tidy(Sheet, typed, "s")
    assert forms.indices(tidy, "s-years") == [0] and tidy["s-years-0-wages"] == "x"
    _, errors = forms.read(Sheet, tidy, "s")
    assert [error.path for error in errors] == ["s.years[0].wages"]


def test_rows_are_added_and_taken_away_without_a_script() -> None:
    more = forms.change_rows(Sheet, FULL, "s", add="s-years")
    assert forms.indices(more, "s-years") == [0, 1, 2] and more["s-name"] == "甲"
    assert forms.indices(forms.change_rows(Sheet, more, "s", add="s-years"), "s-years") == [
        0,
        1,
        2,
    ]  # three is the most
    less = forms.change_rows(Sheet, FULL, "s", remove="s-years-0")
    assert forms.indices(less, "s-years") == [0] and less["s-years-0-year"] == "2022"


def test_a_list_that_must_have_entries_starts_with_a_row() -> None:
    (years,) = (entry for entry in forms.entries(Sheet, {}, "s") if entry.name == "s-years")
    assert [row.name for row in years.rows] == ["s-years-0"]
    assert forms.indices(forms.change_rows(Sheet, {"s-years-0-_": ""}, "s", add="s-years"), "s-years") == [0, 1]


class Place(Document):
    name: Annotated[str, Title("单位", "Employer")]
    years: Annotated[tuple[Year, ...], Title("逐年", "By year")]


class Life(Document):
    places: Annotated[tuple[Place, ...], Title("经历", "History")]


def test_lists_within_lists_grow_and_lose_blank_rows() -> None:
    typed = {
        "l-places-0-name": "",
        "l-places-1-name": "甲",
        "l-places-1-years-0-year": "",
        "l-places-1-years-1-year": "2020",
    }
    more = forms.change_rows(Life, typed, "l", add="l-places-1-years")
    assert forms.indices(more, "l-places-1-years") == [0, 1, 2]
    less = forms.change_rows(Life, typed, "l", remove="l-places-1-years-0")
    assert less["l-places-1-years-0-year"] == "2020"
    assert forms.tidy(Life, typed, "l") == {"l-places-0-name": "甲", "l-places-0-years-0-year": "2020"}


def test_places_are_those_of_today_and_an_old_code_stays() -> None:
    groups = dict(forms.places())
    assert ("511602", "广安区") in groups["广安市"]
    assert forms.places("500112")[0][1][0][0] == "500112"  # gone in 2026; a paper may still carry it
