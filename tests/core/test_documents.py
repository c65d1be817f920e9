"""Documents: one readable error per field, in both languages; forms and schemas that agree with them."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.documents import (
    Choice,
    DefinitionError,
    Division,
    Document,
    DocumentError,
    FieldError,
    Meta,
    Person,
    Sex,
    Title,
    decode,
    definition_errors,
    encode,
    fields,
    from_form,
    json_schema,
)
from chuanyu.core.money import Money


class Colour(Choice):
    """A choice."""

    red = "red", "红", "Red"
    blue = "blue", "蓝", "Blue"


class Address(Document):
    """A group."""

    street: Annotated[str, Title("街道", "Street"), Meta(max_length=20)]
    place: Annotated[Division | None, Title("区县", "County")] = None


class Year(Document):
    """A row."""

    year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
    wages: Annotated[Money, Title("工资", "Wages")]
    full: Annotated[bool, Title("全年", "Whole year")] = False


class Whole(Document):
    """Every kind of field."""

    note: Annotated[str | None, Title("说明", "Note"), Meta(max_length=500)] = None
    name: Annotated[str, Title("姓名", "Name", "与证件一致。", "As on the identity card.")]
    code: Annotated[str | None, Title("编号", "Code", "两个字母。", "Two letters."), Meta(pattern="[A-Z]{2}")] = None
    born: Annotated[date, Title("生日", "Birthday")]
    count: Annotated[int, Title("人数", "People"), Meta(ge=1, le=9)]
    rate: Annotated[Decimal | None, Title("比例", "Share"), Meta(ge=0, le=1)] = None
    paid: Annotated[Money, Title("金额", "Amount"), Meta(le=100)]
    moved: Annotated[Money | None, Title("变动", "Change"), Meta(ge=-100)] = None
    colour: Annotated[Colour, Title("颜色", "Colour")] = Colour.red
    agreed: Annotated[bool, Title("同意", "Agreed")] = False
    asked: Annotated[bool | None, Title("已询问", "Asked")] = None
    address: Annotated[Address | None, Title("地址", "Address")] = None
    years: Annotated[tuple[Year, ...], Title("各年", "Years"), Meta(max_length=3)] = ()


LEAST = {"name": "王", "born": "1990-01-01", "count": 1, "paid": "1"}


def errors(**changed: Any) -> dict[str, FieldError]:
    with pytest.raises(DocumentError) as caught:
        decode(Whole, LEAST | changed)
    return {error.path: error for error in caught.value.errors}


def test_decodes_every_kind() -> None:
    document = decode(
        Whole,
        LEAST
        | {
            "code": "AB",
            "rate": "0.125",
            "moved": "-99.99",
            "colour": "blue",
            "agreed": True,
            "address": {"street": "人民路", "place": "500103"},
            "years": [{"year": 2024, "wages": "40000.00"}],
        },
    )
    assert document.born == date(1990, 1, 1)
    assert document.paid == Money(100)
    assert document.rate == Decimal("0.125")
    assert document.moved == Money(-9999)
    assert document.colour is Colour.blue
    assert document.address == Address(street="人民路", place="500103")
    assert document.years == (Year(year=2024, wages=Money(4_000_000), full=False),)


@pytest.mark.parametrize(
    ("field", "wrong", "code"),
    [
        ("paid", "12.345", "form"),
        ("paid", "1e5", "form"),
        ("paid", 12.5, "form"),
        ("paid", 12, "form"),
        ("paid", "-1.00", "range"),
        ("paid", "100.01", "range"),
        ("paid", "９", "form"),
        ("moved", "-100.01", "range"),
        ("born", "2025-02-30", "form"),
        ("born", "2025-2-3", "form"),
        ("born", "20250203", "form"),
        ("born", "0001-01-01", "range"),
        ("born", 20250203, "form"),
        ("count", 0, "range"),
        ("count", 10, "range"),
        ("count", 1.0, "type"),
        ("count", True, "type"),
        ("count", "1", "type"),
        ("rate", 0.5, "form"),
        ("rate", "1e-1", "form"),
        ("rate", "1.1", "range"),
        ("name", "", "required"),
        ("name", " ", "required"),
        ("name", None, "required"),
        ("name", 5, "type"),
        ("name", "x" * 2001, "length"),
        ("name", "a\x00b", "form"),
        ("name", "\ud800", "form"),
        ("code", "ABC", "form"),
        ("colour", "green", "choice"),
        ("colour", ["red"], "choice"),
        ("agreed", "on", "type"),
        ("agreed", 1, "type"),
        ("address", "here", "type"),
        ("years", {}, "type"),
        ("years", [{"year": 2024, "wages": "1"}] * 4, "length"),
        ("nmae", "x", "unknown"),
    ],
)
def test_wrong_value_is_explained(field: str, wrong: Any, code: str) -> None:
    found = errors(**{field: wrong})
    assert list(found) == [field]
    assert found[field].code == code
    assert found[field].message.zh != found[field].message.en
    assert found[field].message.zh.endswith("。")
    assert found[field].message.en.rstrip(").").rstrip()


def test_one_error_per_field_with_its_path() -> None:
    with pytest.raises(DocumentError) as caught:
        decode(
            Whole,
            {
                "born": "1990-02-31",
                "count": 0,
                "paid": 3.5,
                "address": {"street": "x" * 21, "place": "5001", "door": 1},
                "years": [{"year": 2024, "wages": "1"}, {"year": 1948, "wages": "x"}, 7],
            },
            "application",
        )
    assert {error.path: error.code for error in caught.value.errors} == {
        "application.name": "required",
        "application.born": "form",
        "application.count": "range",
        "application.paid": "form",
        "application.address.street": "length",
        "application.address.place": "form",
        "application.address.door": "unknown",
        "application.years[1].year": "range",
        "application.years[1].wages": "form",
        "application.years[2]": "type",
    }


def test_messages_name_the_field_and_say_what_would_be_right() -> None:
    assert errors(born="2025-02-30")["born"].message.en == "“Birthday”: there is no day 2025-02-30."
    assert errors(colour="green")["colour"].message.en == "“Colour” must be one of: red (Red), blue (Blue)."
    assert errors(code="A")["code"].message.zh == "“编号”的格式不对。两个字母。"
    assert "did you mean “paid”" in errors(piad="1")["piad"].message.en
    assert errors(years=[{"year": 1, "wages": "1"}])["years[0].year"].message.zh == "“年份”不能小于 1949。"


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_not_an_object(data: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(Whole, data, "application")
    assert [error.path for error in caught.value.errors] == ["application"]


def test_errors_are_limited() -> None:
    with pytest.raises(DocumentError) as caught:
        decode(Whole, LEAST | {f"x{number}": 1 for number in range(5000)})
    assert len(caught.value.errors) == 200


@pytest.mark.parametrize(("code", "well"), [("511602", True), ("440000", True), ("513001", True), ("990000", False)])
def test_division_is_of_a_province_there_is(code: str, well: bool) -> None:
    address = {"street": "人民路", "place": code}
    if well:
        assert decode(Address, address).place == code
    else:
        with pytest.raises(DocumentError):
            decode(Address, address)


def test_documents_are_keyword_only_and_frozen() -> None:
    person = Person(birth=date(1990, 1, 1), sex=Sex.female)
    with pytest.raises(AttributeError):
        person.birth = date(1991, 1, 1)  # type: ignore[misc]
    assert person.sex == "female"


MONEY = st.integers(0, 10_000).map(Money)
YEARS = st.builds(Year, year=st.integers(1949, 2100), wages=MONEY, full=st.booleans())
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
DOCUMENTS = st.builds(
    Whole,
    note=st.none() | PRINTED,
    name=PRINTED,
    code=st.none() | st.from_regex("[A-Z]{2}", fullmatch=True),
    born=st.dates(date(1850, 1, 1), date(2200, 12, 31)),
    count=st.integers(1, 9),
    rate=st.none() | st.decimals(0, 1, places=4),
    paid=MONEY,
    moved=st.none() | st.integers(-10_000, 10_000).map(Money),
    colour=st.sampled_from(Colour),
    agreed=st.booleans(),
    asked=st.none() | st.booleans(),
    address=st.none() | st.builds(Address, street=PRINTED, place=st.none() | st.just("511602")),
    years=st.lists(YEARS, max_size=3).map(tuple),
)


@given(DOCUMENTS)
def test_encode_and_decode_are_inverse(document: Whole) -> None:
    assert decode(Whole, encode(document)) == document


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Whole)]), PLAIN) | PLAIN)
def test_anything_else_is_refused_in_words(data: Any) -> None:
    try:
        decode(Whole, data)
    except DocumentError as error:
        assert all(one.message.zh and one.message.en for one in error.errors)
        assert len({one.path for one in error.errors}) == len(error.errors)


def flat(document: Document, prefix: str = "") -> dict[str, str]:
    """A document as a browser would send the form of it."""
    form = {}
    for field in fields(type(document)):
        value = getattr(document, field.name)
        key = prefix + field.name
        if field.kind == "list":
            for index, row in enumerate(value):
                form |= flat(row, f"{key}-{index}-")
        elif field.kind == "group":
            form |= flat(value, key + "-") if value is not None else {}
        elif field.kind == "flag":
            if field.nullable:
                form[key] = "" if value is None else str(value).lower()
            elif value:
                form[key] = "on"
        else:
            form[key] = "" if value is None else str(encode(document)[field.name])
    return form


@given(DOCUMENTS)
def test_form_and_data_share_one_validator(document: Whole) -> None:
    """What a form carries is what the API carries, but for spaces around texts."""
    plain = encode(document)
    for inside in (plain, plain.get("address", {})):
        inside |= {key: text.strip() for key, text in inside.items() if isinstance(text, str)}
    assert encode(decode(Whole, from_form(Whole, flat(document)))) == plain


def test_form_is_forgiving_about_typing_only() -> None:
    form = {
        "csrfmiddlewaretoken": "x",
        "name": " 王 ",
        "born": "１９９０-０１-０１",
        "count": "３",
        "paid": "1,040.00",
        "rate": "abc",
        "years-0-year": "2023",
        "years-0-wages": "40,000.5",
        "years-1-year": " ",
        "years-1-wages": "",
        "years-7-year": "twenty",
        "years-7-full": "on",
        "address-street": "",
    }
    assert from_form(Whole, form) == {
        "name": "王",
        "born": "1990-01-01",
        "count": 3,
        "paid": "1040.00",
        "rate": "abc",
        "agreed": False,
        "years": [
            {"year": 2023, "wages": "40000.5", "full": False},
            {"year": "twenty", "full": True},
        ],
    }


def test_form_with_a_prefix() -> None:
    assert from_form(Address, {"home-street": "人民路", "street": "x"}, prefix="home-") == {"street": "人民路"}


def test_fields_say_all_a_form_needs() -> None:
    by_name = {field.name: field for field in fields(Whole)}
    assert [field.kind for field in by_name.values()] == [
        *("longtext", "text", "text", "date", "integer", "decimal", "money", "money"),
        *("choice", "flag", "flag", "group", "list"),
    ]
    assert by_name["name"].required
    assert by_name["name"].hint is not None
    assert by_name["colour"].default is Colour.red
    assert by_name["colour"].choices[0] == ("red", Colour.red.text)
    assert (by_name["paid"].ge, by_name["paid"].le) == (Money(0), Money(10_000))
    assert [field.name for field in by_name["years"].item] == ["year", "wages", "full"]


def test_json_schema() -> None:
    schema = json_schema(Whole)
    assert schema["required"] == ["name", "born", "count", "paid"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["colour"]["enum"] == ["red", "blue"]
    assert properties["rate"]["type"] == ["string", "null"]
    assert properties["years"]["items"]["properties"]["year"] == {
        **{"title": "年份", "description": "Year"},
        **{"type": "integer", "minimum": 1949, "maximum": 2100},
    }
    assert all(one["title"] and one["description"] for one in properties.values())


class Plain(StrEnum):
    """No titles."""

    a = "a"


class Bad(Document):
    """Nothing right."""

    untitled: int
    half: Annotated[int, Title("半", "")]
    hint: Annotated[int, Title("提示", "Hint", "只有中文")]
    inexact: Annotated[float, Title("小数", "Float")]
    both: Annotated[int | str, Title("两种", "Both")]
    names: Annotated[tuple[str, ...], Title("名字", "Names")]
    plain: Annotated[Plain, Title("选项", "Choice")]


def test_badly_written_classes_are_found_out_field_by_field() -> None:
    found = {error.field: error.code for error in definition_errors(Bad)}
    assert found == {
        **dict.fromkeys(("untitled", "half", "hint"), "field_title"),
        **dict.fromkeys(("inexact", "both", "names", "plain"), "field_type"),
    }
    with pytest.raises(DefinitionError):
        decode(Bad, {})
