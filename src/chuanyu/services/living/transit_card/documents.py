"""What is exchanged about rides: a tap as the terminal wrote it, the card's rides before it, and a day's takings."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Time, Title
from chuanyu.core.money import Money

# The card's number in the file, made unreadable by its issuer: who rode is nobody's business here.
CARD = "[0-9A-Fa-f]{8,32}"
TERMINAL = "[0-9A-Za-z-]{1,20}"


class Operator(Choice):
    """Who issues cards and runs terminals."""

    chongqing = "chongqing", "重庆市民通", "Chongqing card"
    sichuan = "sichuan", "成都天府通", "Chengdu card"


class Mode(Choice):
    """What was ridden."""

    bus = "bus", "公交", "Bus"
    metro = "metro", "轨道交通", "Metro"
    intercity = "intercity", "跨省城际公交", "Inter-province bus"


class Tap(Document):
    """One tap. Terminal and counter identify it: the same twice is one tap, uploaded twice."""

    card: Annotated[str, Title("卡号（加密）", "Card, unreadable"), Meta(pattern=CARD, max_length=32)]
    issuer: Annotated[Operator, Title("发卡方", "Issued by")]
    operator: Annotated[Operator, Title("受理方", "Tapped at")]
    terminal: Annotated[str, Title("终端号", "Terminal"), Meta(pattern=TERMINAL, max_length=20)]
    counter: Annotated[int, Title("终端交易序号", "Counter of the terminal"), Meta(ge=0)]
    day: Annotated[date, Title("日期", "Day")]
    time: Annotated[Time, Title("时间", "Time")]
    fare: Annotated[Money, Title("票价", "Fare")]
    mode: Annotated[Mode, Title("方式", "By")] = Mode.bus


class Ride(Document):
    """One ride of the card before."""

    terminal: Annotated[str, Title("终端号", "Terminal"), Meta(pattern=TERMINAL, max_length=20)]
    counter: Annotated[int, Title("终端交易序号", "Counter of the terminal"), Meta(ge=0)]
    day: Annotated[date, Title("日期", "Day")]
    time: Annotated[Time, Title("时间", "Time")]
    fare: Annotated[Money, Title("票价", "Fare")]


class History(Document):
    """乘车记录 of one card at one operator, today's and yesterday's, in any order."""

    rides: Annotated[tuple[Ride, ...], Title("乘车记录", "Rides"), Meta(max_length=200)] = ()


class Why(Choice):
    """Why a ride costs what it costs."""

    first = "first", "按折扣计费", "With the card's discount"
    free_change = "free_change", "免费换乘", "Free change"
    change = "change", "换乘优惠，不再打折", "Something off for a change, no discount"


class Price(Document):
    """计费结果."""

    paid: Annotated[Money, Title("实付", "To pay")]
    why: Annotated[Why, Title("原因", "Why")]
    article: Annotated[str, Title("依据", "Article"), Meta(max_length=80)]


class Takings(Document):
    """一日异地刷卡金额, before fees: what each side's cards owe the other."""

    day: Annotated[date, Title("日期", "Day")]
    chongqing_cards: Annotated[Money, Title("重庆卡在四川刷卡", "Chongqing cards in Sichuan")]
    sichuan_cards: Annotated[Money, Title("四川卡在重庆刷卡", "Sichuan cards in Chongqing")]


class Net(Document):
    """轧差清算: one payment order, or none where both owe the same."""

    amount: Annotated[Money, Title("金额", "Amount")]
    payer: Annotated[Operator | None, Title("付款方", "Payer")] = None
    payee: Annotated[Operator | None, Title("收款方", "Payee")] = None
    settles_on: Annotated[date | None, Title("结算日", "Settled on")] = None
