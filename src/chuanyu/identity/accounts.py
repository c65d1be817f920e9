"""Settlement accounts 结算账户: the bank account an agency pays from and is paid to, as agencies.yaml declares it.

A number that begins with eight zeros is no bank's: it is a sample, and every paper says so.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from chuanyu.core import sheet
from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.identity.queries import AGENCIES_FILE

NUMBER = re.compile(r"[0-9]{12,32}")  # of Chinese banks; without spaces
KEYS = {"bank", "number"}
SAMPLE = "0" * 8


class Account(msgspec.Struct, frozen=True):
    """`bank`: its name with the branch; `number`: digits only."""

    bank: Text
    number: str

    @property
    def masked(self) -> str:
        """Its last four digits."""
        return f"**** {self.number[-4:]}"

    @property
    def grouped(self) -> str:
        """The whole number in groups of four, as banks print it."""
        return " ".join(re.findall(".{1,4}", self.number))

    @property
    def is_sample(self) -> bool:
        """Nothing can be paid to it."""
        return self.number.startswith(SAMPLE)


def of(agency: str) -> Account | None:
    """The settlement account of an agency ("sichuan/hrss"); None where none is declared."""
    return _declared().get(agency)


def read(file: Path = AGENCIES_FILE) -> dict[str, Account]:
    """What a file declares, by agency. Raises ValueError with file, line and what is wrong."""
    source = sheet.read(file)
    for finding in source.findings:
        raise ValueError(f"{file.name}:{source.line(finding.path)}: {finding.message}")
    found, used = {}, dict[str, str]()
    for node in NODES:
        for code, row in source.data[node].items():
            if "account" not in row:
                continue
            path = f"{node}.{code}.account"
            for wrong in _wrong(row["account"]):
                raise ValueError(f"{file.name}:{source.line(path)}: {node}/{code}: {wrong}")
            account = Account(Text(**row["account"]["bank"]), row["account"]["number"])
            if account.number in used:
                other = used[account.number]
                raise ValueError(f"{file.name}:{source.line(path)}: {node}/{code}: {other} has this number already")
            used[account.number] = f"{node}/{code}"
            found[f"{node}/{code}"] = account
    return found


@cache
def _declared() -> dict[str, Account]:
    return read()


def _wrong(row: Any) -> Iterator[str]:
    """What is wrong with a declaration; the number itself stays out of it."""
    if not isinstance(row, dict) or row.keys() != KEYS:
        yield "account takes bank and number"
        return
    bank, number = row["bank"], row["number"]
    if (
        not isinstance(bank, dict)
        or bank.keys() != {"zh", "en"}
        or not all(isinstance(t, str) and t for t in bank.values())
    ):
        yield "account.bank takes zh and en"
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        yield "account.number is 12 to 32 digits, in quotes"
