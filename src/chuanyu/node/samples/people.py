"""Synthetic residents: the same ones on every machine, none of them a real person.

Numbers use the province-level area codes 500000 and 510000, which are nobody's place of registration. Where residents
live and how old they are follows the 2020 census (`population.csv`: thousands of people per county, per mille of them
by sex and age band). Names are drawn from the commonest surnames and name characters.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

from chuanyu.core.days import today
from chuanyu.core.divisions import division
from chuanyu.core.numbers import Sex, make_person_number

AREAS = {"chongqing": "500000", "sichuan": "510000"}
_BANDS = (0, 15, 35, 55, 70, 90)
_AGES_ON = date(2025, 1, 1)
_SEQUENCES = range(100)  # of the 500 per day, area and sex; the others are for journeys

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董袁潘蒋蔡余于杜叶程苏魏吕丁任沈姚卢"
    "傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃莫孔向汤"
)
_GIVEN = {
    "male": "伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林峰建国志文海东成云川渝江山松柏阳晨轩泽",
    "female": "芳娜敏静丽艳娟霞玲燕红梅英兰秀琴云莲雪琳晶洁婷倩颖欣怡佳慧悦蓉菊萍莉雯璐瑶月桂香春秋竹岚溪禾",
}


@dataclass(frozen=True)
class Resident:
    """A synthetic resident. `household` is the county where they are registered today."""

    number: str = field(repr=False)
    name: str = field(repr=False)
    birth: date
    sex: Sex
    household: str


def residents(node: str, count: int) -> list[Resident]:
    """The first `count` residents of a node, all of age; a longer list begins with the shorter one."""
    seen: set[str] = set()
    made = []
    for index in range(count):
        random = Random(f"chuanyu resident {node} {index}")
        household, sex, birth = place_and_age(random, AREAS[node])
        number = next(
            number
            for sequence in _SEQUENCES
            if (number := make_person_number(AREAS[node], birth, sequence, sex)) not in seen
        )
        seen.add(number)
        made.append(Resident(number, name_for(random, sex), birth, sex, household))
    return made


def name_for(random: Random, sex: Sex) -> str:
    """A plausible name: one of the commonest surnames (the commoner the likelier), one or two given characters."""
    surname = random.choices(_SURNAMES, [1 / (rank + 4) for rank in range(len(_SURNAMES))])[0]
    return surname + "".join(random.sample(_GIVEN[sex], k=random.choices((1, 2), (1, 3))[0]))


def current(code: str) -> str:
    """What a county's code has become by today, following mergers and promotions since the census."""
    row = division(code, on=today())
    while row is None:
        gone = division(code, on=date(2020, 12, 1))
        if gone is None or not gone.became:
            raise LookupError(f"population.csv: {code} is no county, neither at the census nor today")
        code = gone.became[0]
        row = division(code, on=today())
    return row.code


def place_and_age(random: Random, area: str) -> tuple[str, Sex, date]:
    """Where somebody of an area ("500000", "510000") lives, their sex and their birth, as the census has them."""
    counties = _census()[area]
    row = random.choices(counties, [county.thousand for county in counties])[0]
    sexes: tuple[Sex, ...] = ("male", "female")
    groups = [(sex, band) for sex in sexes for band in range(1, 5)]  # 0 to 14 have no sign-in
    sex, band = random.choices(groups, [row.share[sex][band] for sex, band in groups])[0]
    oldest, youngest = _years_before(_BANDS[band + 1]), _years_before(max(_BANDS[band], 18))
    birth = oldest + timedelta(days=random.randrange(1, (youngest - oldest).days + 1))
    return current(row.code), sex, birth


def _years_before(years: int) -> date:
    return _AGES_ON.replace(year=_AGES_ON.year - years)


@dataclass(frozen=True)
class _County:
    code: str
    thousand: int
    share: dict[Sex, Sequence[int]]  # per mille by age band


@cache
def _census() -> dict[str, list[_County]]:
    """Counties by province ("500000", "510000")."""
    found: dict[str, list[_County]] = {area: [] for area in AREAS.values()}
    with Path(__file__).with_name("population.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            share: dict[Sex, Sequence[int]] = {
                "male": [int(row[f"m{band}"]) for band in _BANDS[:-1]],
                "female": [int(row[f"f{band}"]) for band in _BANDS[:-1]],
            }
            found[row["code"][:2] + "0000"].append(_County(row["code"], int(row["thousand"]), share))
    return found
