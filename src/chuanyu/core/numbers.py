"""The national numbers, read or refused with a reason: a person's (GB 11643-1999), an organisation's (GB 32100-2015).

Nothing here looks a number up: a valid number need not belong to anyone.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from chuanyu.core.days import today
from chuanyu.core.text import Text

Sex = Literal["male", "female"]

_PERSON_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PERSON_CHECK = "10X98765432"
_ORG_CHARS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # 31 characters, without I O S V Z

_REASONS = {
    "id_length": Text(zh="身份号码应为18位。", en="An identity number has 18 characters."),
    "id_chars": Text(
        zh="身份号码前17位应为数字，第18位为数字或X。",
        en="The first 17 characters of an identity number are digits, the 18th is a digit or X.",
    ),
    "id_date": Text(
        zh="身份号码第7至14位不是有效的出生日期。",
        en="Characters 7 to 14 of the identity number are not a possible date of birth.",
    ),
    "id_check": Text(
        zh="身份号码的校验位不符，请核对是否有输错的数字。",
        en="The check digit of the identity number does not match; look for a mistyped digit.",
    ),
    "org_length": Text(zh="统一社会信用代码应为18位。", en="A unified social credit code has 18 characters."),
    "org_chars": Text(
        zh="统一社会信用代码只含数字和大写字母（不含I、O、S、V、Z），第3至8位为数字。",
        en="A unified social credit code has digits and capitals (no I, O, S, V, Z); characters 3 to 8 are digits.",
    ),
    "org_check": Text(
        zh="统一社会信用代码的校验位不符，请核对是否有输错的字符。",
        en="The check character of the unified social credit code does not match; look for a mistyped character.",
    ),
}


class NumberError(ValueError):
    """`reason` is id_length, id_chars, id_date, id_check, org_length, org_chars or org_check; `text` is for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.text = _REASONS[reason]
        super().__init__(f"{reason}: {self.text.en}")  # never the number itself: errors reach logs


@dataclass(frozen=True, slots=True)
class PersonNumber:
    """A valid number and what it says. `division` is the code of first registration, not of today's household."""

    number: str
    birth: date
    sex: Sex
    division: str


def person_number(text: str, *, on: date | None = None) -> PersonNumber:
    """Read an 18-character identity number; surrounding spaces are ignored and a lower-case x becomes X.

    `on` (default: today) bounds the date of birth: nobody is born later. Raises `NumberError`.
    """
    number = text.strip().upper()
    if len(number) != 18:
        raise NumberError("id_length")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise NumberError("id_chars")
    try:
        birth = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise NumberError("id_date") from None
    if birth > (on or today()):
        raise NumberError("id_date")
    if _person_check(number[:17]) != number[17]:
        raise NumberError("id_check")
    return PersonNumber(number, birth, "male" if int(number[16]) % 2 else "female", number[:6])


def make_person_number(division: str, birth: date, sequence: int, sex: Sex) -> str:
    """The `sequence`th number (0–499) of that day, division and sex. Samples use 500000 or 510000, which nobody has."""
    if not re.fullmatch(r"[0-9]{6}", division):
        raise ValueError(f"a division code has six digits, not {division!r}")
    if not 0 <= sequence <= 499:
        raise ValueError(f"sequence is 0 to 499, not {sequence}")
    body = f"{division}{birth:%Y%m%d}{sequence * 2 + (sex == 'male'):03d}"
    return body + _person_check(body)


def organisation_code(text: str) -> str:
    """Read a unified social credit code and return it normalised (trimmed, capital letters). Raises `NumberError`."""
    code = text.strip().upper()
    if len(code) != 18:
        raise NumberError("org_length")
    if not re.fullmatch(f"[{_ORG_CHARS}]{{2}}[0-9]{{6}}[{_ORG_CHARS}]{{10}}", code):
        raise NumberError("org_chars")
    if _organisation_check(code[:17]) != code[17]:
        raise NumberError("org_check")
    return code


def _person_check(body: str) -> str:
    """ISO 7064 MOD 11-2 over 17 digits."""
    return _PERSON_CHECK[sum(int(c) * w for c, w in zip(body, _PERSON_WEIGHTS, strict=True)) % 11]


def _organisation_check(body: str) -> str:
    """ISO 7064 MOD 31-3 over 17 characters: weight 3^i mod 31."""
    total = sum(_ORG_CHARS.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return _ORG_CHARS[-total % 31]
