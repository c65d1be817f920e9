"""The front register: documents an agency holds, as of a day, and their import from CSV."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from chuanyu.core.documents import DocumentError
from chuanyu.core.numbers import make_person_number
from chuanyu.exchange import actions, queries, register
from chuanyu.exchange.errors import RegisterError
from chuanyu.exchange.models import RegisterEntry
from chuanyu.identity import vault
from chuanyu.identity.models import Person

NUMBER, OTHER = "500000198506150044", make_person_number("510000", date(1990, 1, 1), 1, "female")
RECORD = "pension_transfer.account_record"
YEARS = [{"year": 2021, "months": 10, "wages": "40000.00"}]

pytestmark = pytest.mark.django_db


def put(person: UUID, balance: str = "16900.37", **change: Any) -> RegisterEntry:
    parts: dict[str, Any] = {
        "agency": "hrss",
        "document": RECORD,
        "person": person,
        "body": {"personal_balance": balance, "years": YEARS},
        "valid_from": date(2025, 1, 1),
        "source": "test",
    }
    return actions.put(**(parts | change))


def balance(person: UUID, day: date, agency: str = "hrss") -> str | None:
    body = queries.register(agency, RECORD, person, day)
    return body["personal_balance"] if body else None


def test_many_at_once_are_entered_where_there_is_none_yet_or_not_at_all() -> None:
    known, fresh, day = uuid4(), uuid4(), date(2025, 1, 1)
    put(known, "1.00")
    bodies = {person: {"personal_balance": "2.00", "years": YEARS} for person in (known, fresh)}
    documents = [("hrss", RECORD, person, body) for person, body in bodies.items()]
    assert [actions.put_first(documents, valid_from=day, source="test") for _ in range(2)] == [1, 0]
    assert (balance(known, day), balance(fresh, day)) == ("1.00", "2.00")
    other = uuid4()
    wrong = [("hrss", RECORD, other, bodies[fresh]), ("hrss", RECORD, uuid4(), {"years": YEARS})]
    with pytest.raises(DocumentError):
        actions.put_first(wrong, valid_from=day, source="test")
    assert balance(other, day) is None


def test_it_answers_as_of_a_day() -> None:
    person = uuid4()
    put(person, "1.00", valid_from=date(2024, 1, 1))
    put(person, "2.00", valid_from=date(2025, 1, 1), valid_to=date(2025, 6, 30))
    assert balance(person, date(2023, 12, 31)) is None
    assert balance(person, date(2024, 12, 31)) == "1.00"  # ended the day before the next began
    assert balance(person, date(2025, 1, 1)) == balance(person, date(2025, 6, 30)) == "2.00"
    assert balance(person, date(2025, 7, 1)) is None
    assert balance(person, date(2025, 1, 1), agency="edu") is None
    assert balance(uuid4(), date(2025, 1, 1)) is None


def test_a_correction_replaces_and_repeating_changes_nothing() -> None:
    person = uuid4()
    first = put(person, "1.00")
    assert put(person, "1.00").pk == first.pk
    put(person, "2.00", valid_to=date(2025, 3, 31))
    assert balance(person, date(2025, 3, 31)) == "2.00"
    assert balance(person, date(2025, 4, 1)) is None  # what was corrected does not come back
    put(person, "3.00", valid_from=date(2025, 2, 1))
    put(person, "2.00", valid_from=date(2025, 1, 1))  # the same file again
    assert balance(person, date(2025, 1, 31)) == "2.00" and balance(person, date(2025, 2, 1)) == "3.00"
    assert RegisterEntry.objects.count() == 3


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DocumentError, match="personal_balance"):
        put(uuid4(), "12,5")
    with pytest.raises(DocumentError, match="extra"):
        put(uuid4(), body={"personal_balance": "1.00", "years": [], "extra": 1})
    with pytest.raises(RegisterError, match="unknown_document"):
        put(uuid4(), document="pension_transfer.nothing")
    with pytest.raises(RegisterError, match="unknown_document"):
        put(uuid4(), document="nothing")
    with pytest.raises(RegisterError, match="bad_period"):
        put(uuid4(), valid_to=date(2024, 12, 31))
    assert not RegisterEntry.objects.exists()


def load(text: str, document: str = RECORD) -> int:
    return actions.register_import_csv(text=text, agency="hrss", document=document, source="test.csv")


@pytest.mark.parametrize(
    "text",
    [
        "person,person_name,valid_from,valid_to,personal_balance,years\n"
        f'{NUMBER},陈静,2025-01-01,,16900.37,"[{{""year"": 2021, ""months"": 10, ""wages"": ""40000.00""}}]"\n',
        "valid_from,person,drawing,years.1.months,years.1.year,years.1.wages,years.2.year,years.2.months,years.2.wages,"
        f'personal_balance\n2025-01-01,{NUMBER},否,10,2021,"40,000.00",,,,16900.37\n\n',
    ],
)
def test_a_list_is_a_json_column_or_repeated_columns(text: str) -> None:
    assert load(text) == 1
    person = vault.find(NUMBER)
    assert person
    body = queries.register("hrss", RECORD, person, date(2025, 1, 1))
    assert body == {"personal_balance": "16900.37", "years": YEARS, "back_payments": [], "drawing": False}
    assert load(text) == 1
    assert RegisterEntry.objects.count() == 1


def test_every_wrong_line_and_field_is_named_and_nothing_is_imported() -> None:
    text = (
        "person,valid_from,valid_to,personal_balance,years.1.year,years.1.months,years.1.wages\n"
        f"{NUMBER},2025-01-01,,1.00,2021,10,1.00\n"
        "500000198506150045,2025-01-01,,1.00,,,\n"
        f"{OTHER},2025-13-01,2024-01-01,abc,2021,13,\n"
        f"{OTHER},2025-02-01,2025-01-01,1.00,,,,,\n"
        f"{OTHER},,,1.00,,,\n"
    )
    with pytest.raises(RegisterError) as caught:
        load(text)
    found = [(row.line, row.field) for row in caught.value.rows]
    assert found == [
        (3, "person"),
        (4, "valid_from"),
        (4, "personal_balance"),
        (4, "years.1.months"),
        (4, "years.1.wages"),
        (5, ""),
        (5, "valid_to"),
        (6, "valid_from"),
    ]
    assert all(row.text.zh and row.text.en for row in caught.value.rows)
    assert NUMBER not in str(caught.value.rows) and "500000198506150045" not in str(caught.value.rows)
    assert not RegisterEntry.objects.exists() and not Person.objects.exists()


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("personal_balance,years", {"person", "valid_from"}),
        ("person,valid_from,personal_balance", {"years"}),
        ("person,valid_from,personal_balance,years,colour", {"colour"}),
        ("person,valid_from,personal_balance,years.wages", {"years.wages"}),
        ("person,valid_from,personal_balance,years.0.wages", {"years.0.wages"}),
        ("person,valid_from,personal_balance.1,years", {"personal_balance.1"}),
        ("person,valid_from,personal_balance,years,years", {"years"}),
        ("", {"person", "valid_from", "personal_balance", "years"}),
    ],
)
def test_a_wrong_header_is_named(header: str, columns: set[str]) -> None:
    with pytest.raises(RegisterError) as caught:
        load(header + "\n")
    assert {row.field for row in caught.value.rows} == columns
    assert {row.line for row in caught.value.rows} == {1}


def test_broken_json_and_broken_csv_are_errors_with_a_line() -> None:
    head = "person,valid_from,personal_balance,years\n"
    for line, field in ((f"{NUMBER},2025-01-01,1.00,[1\n", "years"), (f'{NUMBER},2025-01-01,1.00,"[\n', "")):
        with pytest.raises(RegisterError) as caught:
            load(head + line)
        assert [(row.line, row.field) for row in caught.value.rows] == [(2, field)]


def test_files_of_spreadsheets_here_are_read() -> None:
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        assert register.decode_text("姓名,陈静".encode(encoding)) == "姓名,陈静"
    with pytest.raises(RegisterError, match="bad_encoding"):
        register.decode_text(b"\xff\xff\xff")
