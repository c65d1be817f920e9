"""Made-up files at volume, for benchmarks and demonstrations: taps as CSV, hospital bills as JSON lines.

All of it is synthetic: no card, hospital or stay in it exists. The same seed and size give the same file, byte for byte.
"""

import time
from bisect import bisect
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import IO

import msgspec

from chuanyu.core.documents import encode
from chuanyu.core.money import Money
from chuanyu.services.health.medical_settlement.documents import Bill, BillLine, Level, ListClass, Matter
from chuanyu.services.living.transit_card.documents import Tap

SEED = 20250610
FLUSH = 10_000  # rows written at a time

# Of a day's taps by hour from 06:00: two peaks, as buses and metros have them
HOURS = list(accumulate((30, 95, 120, 70, 45, 45, 50, 45, 45, 55, 75, 115, 105, 60, 40, 30, 15)))
FARES = (("2.00", "bus"), ("2.00", "bus"), ("1.00", "bus"), ("2.00", "metro"), ("3.00", "metro"), ("4.00", "metro"),
         ("5.00", "metro"), ("7.00", "metro"), ("10.00", "intercity"))  # fmt: skip
TERMINALS = 4000
TAPS_OF_A_CARD = 2.5  # a day, on average


def taps(
    *, rows: int, operator: str, day: date, away: float = 0.2, faults: float = 0.0, seed: int = SEED
) -> Iterator[str]:
    """Lines of CSV with a heading: one operator's day. `away`: share of the other city's cards; `faults`: of rows that won't count."""
    rng = Random(f"{seed} {operator} {day}")
    other = "sichuan" if operator == "chongqing" else "chongqing"
    cards = max(1, int(rows / TAPS_OF_A_CARD))
    issuers = [other if rng.random() < away else operator for _ in range(cards)]
    counters = [0] * TERMINALS
    yield ",".join(Tap.__struct_fields__) + "\n"
    before = ""
    issued = f"{SEED:08X}"
    for _ in range(rows):
        card = rng.randrange(cards)
        hour = 6 + bisect(HOURS, rng.randrange(HOURS[-1]))
        fare, mode = FARES[rng.randrange(len(FARES))]
        terminal = rng.randrange(TERMINALS)
        counters[terminal] += 1
        line = (
            f"{card * 2654435761 % 2**32:08X}{issued},{issuers[card]},{operator},{operator[0].upper()}-{terminal:04d},"
            f"{counters[terminal]},{day},{hour:02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d},{fare},{mode}\n"
        )
        if faults and rng.random() < faults:
            line = _fault(rng, line, before, day)
        yield line
        before = line


def _fault(rng: Random, line: str, before: str, day: date) -> str:
    """The row before once more, a clock that is a day ahead, a fare below zero, or a card nobody could issue."""
    kind = rng.randrange(4)
    if kind == 0 and before:
        return before
    if kind == 1:
        return line.replace(str(day), str(day + timedelta(days=1)))
    cells = line.split(",")
    if kind == 2:
        cells[7] = "-" + cells[7]
    else:
        cells[0] = "card?"
    return ",".join(cells)


ITEMS = (
    ("床位费", Matter.service, ListClass.a, "60.00", 1.0),
    ("护理费", Matter.service, ListClass.a, "35.00", 1.0),
    ("住院诊查费", Matter.service, ListClass.a, "20.00", 1.0),
    ("血常规", Matter.service, ListClass.a, "22.00", 0.5),
    ("磁共振平扫", Matter.service, ListClass.b, "480.00", 0.1),
    ("头孢呋辛钠注射液", Matter.drug, ListClass.a, "18.60", 1.5),
    ("人血白蛋白", Matter.drug, ListClass.b, "378.00", 0.3),
    ("一次性输液器", Matter.supplies, ListClass.a, "6.50", 1.5),
    ("进口缝合线", Matter.supplies, ListClass.b, "260.00", 0.1),
    ("营养膳食", Matter.service, ListClass.c, "45.00", 0.8),
)
STAYS = 8  # days, on average


def bills(*, rows: int, year: int = 2025, seed: int = SEED) -> Iterator[str]:
    """JSON lines: `rows` bills of stays, each with its lines, valid as the document `bill` of `medical_settlement`."""
    rng = Random(f"{seed} bills {year}")
    for number in range(rows):
        admitted = date(year, 1, 1) + timedelta(days=rng.randrange(340))
        stay = 1 + min(60, int(rng.expovariate(1 / STAYS)))
        lines = []
        for name, matter, list_class, price, a_day in ITEMS:
            quantity = int(a_day * stay) if a_day >= 1 else sum(rng.random() < a_day for _ in range(stay))
            if quantity:
                lines.append(
                    BillLine(
                        name=name,
                        list_class=list_class,
                        price=Money.parse(price),
                        quantity=Decimal(quantity),
                        matter=matter,
                        limit_price=Money.parse("450.00") if name == "磁共振平扫" else None,
                        self_share=Decimal(rng.choice(("0.1", "0.2"))) if list_class is ListClass.b else Decimal(0),
                    )
                )
        bill = Bill(
            number=f"SAMPLE{year}{number:09d}",
            place=rng.choice(("500103", "500112", "510104", "511602")),
            level=rng.choice(tuple(Level)),
            admitted_on=admitted,
            discharged_on=admitted + timedelta(days=stay),
            lines=tuple(lines),
            hospital="示例医院",
            emergency=rng.random() < 0.05,
        )
        yield msgspec.json.encode(encode(bill)).decode() + "\n"


def write(lines: Iterator[str], out: Path, *, total: int, progress: IO[str] | None = None) -> None:
    """Write a file; `progress`: where a bar goes, drawn only on a terminal."""
    bar = Bar(total, progress)
    with out.open("w", encoding="utf-8", newline="") as file:
        held: list[str] = []
        for count, line in enumerate(lines):
            held.append(line)
            if len(held) == FLUSH:
                file.write("".join(held))
                held.clear()
                bar(count)
        file.write("".join(held))
    bar(total)
    bar.end()


class Bar:
    """A line that fills: what is done of what there is, and how fast."""

    WIDTH = 40

    def __init__(self, total: int, out: IO[str] | None) -> None:
        self.total = max(1, total)
        self.out = out if out is not None and out.isatty() else None
        self.began = time.monotonic()

    def __call__(self, done: int) -> None:
        if self.out is None:
            return
        full = self.WIDTH * done // self.total
        rate = done / max(1e-6, time.monotonic() - self.began)
        bar = "█" * full + "·" * (self.WIDTH - full)
        self.out.write(f"\r{bar} {done:,}/{self.total:,}  {rate:,.0f}/s ")
        self.out.flush()

    def end(self) -> None:
        """The next line is somebody else's."""
        if self.out is not None:
            self.out.write("\n")
