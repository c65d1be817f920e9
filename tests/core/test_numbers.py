"""Person numbers (GB 11643) and organisation codes (GB 32100): valid, or refused with the reason."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.numbers import NumberError, Sex, make_person_number, organisation_code, person_number


def test_the_published_example() -> None:
    read = person_number("500000198506150044")
    assert (read.birth, read.sex, read.division) == (date(1985, 6, 15), "female", "500000")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("510000190002290014", "id_date"),  # right check digit, but 1900 had no 29 February
        ("50000019850615004X", "id_check"),
        ("500000198506150045", "id_check"),
        ("500000198513150044", "id_date"),
        ("500000299901010018", "id_date"),  # not born yet
        ("50000019850615004", "id_length"),
        ("5000001985061500444", "id_length"),
        ("", "id_length"),
        ("500000850615004", "id_length"),  # the 15 digits of before 1999
        ("50000019850615004A", "id_chars"),
        ("5000001985061500X4", "id_chars"),
        ("５0000019850615004４", "id_chars"),
        ("500000 98506150044", "id_chars"),
    ],
)
def test_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        person_number(text)
    assert caught.value.reason == reason
    assert caught.value.text.zh
    assert caught.value.text.en
    assert text == "" or text not in str(caught.value)


def test_spaces_and_small_x_are_forgiven() -> None:
    number = next(
        n for n in (make_person_number("510000", date(1990, 1, 1), s, "male") for s in range(99)) if n.endswith("X")
    )
    assert person_number(f" {number.lower()}\n").number == number


def test_born_today_but_not_tomorrow() -> None:
    number = make_person_number("500000", date(2025, 3, 3), 1, "female")
    assert person_number(number, on=date(2025, 3, 3)).birth == date(2025, 3, 3)
    with pytest.raises(NumberError):
        person_number(number, on=date(2025, 3, 2))


@given(
    st.sampled_from(["500000", "510000"]),
    st.dates(min_value=date(1900, 1, 1), max_value=date(2024, 12, 31)),
    st.integers(min_value=0, max_value=499),
    st.sampled_from(["male", "female"]),
)
def test_made_numbers_read_back(division: str, birth: date, sequence: int, sex: Sex) -> None:
    read = person_number(make_person_number(division, birth, sequence, sex))
    assert (read.division, read.birth, read.sex) == (division, birth, sex)


@given(
    st.dates(min_value=date(1900, 1, 1), max_value=date(2024, 12, 31)),
    st.integers(min_value=0, max_value=499),
    st.integers(min_value=0, max_value=17),
    st.sampled_from("0123456789X"),
)
def test_one_wrong_character_never_passes(birth: date, sequence: int, place: int, wrong: str) -> None:
    number = make_person_number("500000", birth, sequence, "male")
    mistyped = number[:place] + wrong + number[place + 1 :]
    if mistyped != number:
        with pytest.raises(NumberError):
            person_number(mistyped)


def test_samples_have_limits() -> None:
    with pytest.raises(ValueError, match="sequence"):
        make_person_number("500000", date(2000, 1, 1), 500, "male")
    with pytest.raises(ValueError, match="six digits"):
        make_person_number("50000", date(2000, 1, 1), 0, "male")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("91350100M000100Y43", "91350100M000100Y43"), (" 91350100m000100y43 ", "91350100M000100Y43")],
)
def test_organisation_code(text: str, expected: str) -> None:
    assert organisation_code(text) == expected  # the example printed in GB 32100-2015


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("91350100M000100Y4", "org_length"),
        ("91350100M000100Y44", "org_check"),
        ("91350100M000100I43", "org_chars"),
        ("9135O100M000100Y43", "org_chars"),
        ("９1350100M000100Y43", "org_chars"),
    ],
)
def test_organisation_code_refused(text: str, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        organisation_code(text)
    assert caught.value.reason == reason


@given(st.integers(min_value=0, max_value=17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_in_an_organisation_code(place: int, wrong: str) -> None:
    code = "91350100M000100Y43"
    mistyped = code[:place] + wrong + code[place + 1 :]
    if mistyped != code:
        with pytest.raises(NumberError):
            organisation_code(mistyped)
