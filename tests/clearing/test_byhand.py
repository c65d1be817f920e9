"""The first money of a node: put in, prepaid and closed by hand, with who did it and why."""

import os
import pwd
from collections.abc import Callable

import psycopg
import pytest

from chuanyu.clearing import actions, audit, queries
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.models import Deed
from chuanyu.core.money import Money
from chuanyu.identity import actor
from chuanyu.node import cli, place
from link import Link

WHO = f"sichuan/system:{pwd.getpwuid(os.getuid()).pw_name}"
MEDICAL = ("--agency", "nhsa", "--service", "medical_settlement")
WHY = ("--why", "川财社〔2025〕1号 首次拨付")
Said = Callable[..., str]


@pytest.fixture
def said(link: Link, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What `chuanyu clearing …` prints at Sichuan."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-01-25")
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(cli, "django", lambda node=None, **_: None)
    assert actor.account()

    def say(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        with link.at("sichuan"):
            assert cli.main(["clearing", *words, "--at", "sichuan"]) == code
        out, err = capsys.readouterr()
        return out + err

    return say


def balances(link: Link) -> dict[str, int]:
    with link.at("sichuan"):
        return {a.name: a.balance for a in queries.accounts("nhsa/medical_settlement")}


def test_a_new_node_gets_its_first_money_and_says_who_gave_it_and_why(link: Link, said: Said) -> None:
    assert "3000000.00 CNY" in said("fund", *MEDICAL, "--amount", "3000000.00", *WHY)
    assert "2000000.00 CNY" in said("prepay", *MEDICAL, "--amount", "2000000.00", *WHY)
    found = balances(link)
    assert (found["fund"], found["prepaid/chongqing/nhsa"]) == (1_000_000_00, 2_000_000_00)
    link.deliver()
    with link.at("sichuan"):
        assert [g.opening for g in queries.gauges(agency="nhsa")] == [2_000_000_00]
        assert audit.whole(lambda line: None, alone=True) == []
        assert list(Deed.objects.order_by("pk").values_list("what", "by", "why", "amount")) == [
            ("fund", WHO, WHY[1], 3_000_000_00),
            ("prepay", WHO, WHY[1], 2_000_000_00),
        ]
    assert said("deeds").count(WHY[1]) == 2


def test_what_the_ledger_refuses_is_said(link: Link, said: Said) -> None:
    said("fund", *MEDICAL, "--amount", "10.00", *WHY)
    assert "does not have enough" in said("prepay", *MEDICAL, "--amount", "10.01", *WHY, code=1)
    assert "refused insufficient" in said("deeds")
    assert "above zero" in said("fund", *MEDICAL, "--amount", "0", *WHY, code=1)
    assert "two decimals" in said("fund", *MEDICAL, "--amount", "1.001", *WHY, code=1)
    assert "Say why" in said("fund", *MEDICAL, "--amount", "1", "--why", " ", code=1)
    assert "keeps no book" in said("fund", "--agency", "hrss", *MEDICAL[2:], "--amount", "1", *WHY, code=1)
    assert "keeps no prepayment" in said(
        "prepay", "--agency", "nhsa", "--service", "family_wallet", "--amount", "1", *WHY, code=1
    )
    with link.at("sichuan"), pytest.raises(ClearingError) as refused:
        actions.fund(agency="nhsa", service="medical_settlement", amount=Money(10**16))
    assert refused.value.code == "bad_amount"
    assert balances(link)["fund"] == 1000


def test_an_account_is_closed_when_it_is_empty(link: Link, said: Said) -> None:
    said("fund", *MEDICAL, "--amount", "10.00", *WHY)
    assert "still has money" in said("close-account", *MEDICAL, "--account", "fund", *WHY, code=1)
    assert "has no account" in said("close-account", *MEDICAL, "--account", "fond", *WHY, code=1)
    said("fund", *MEDICAL, "--amount", "1.00", *WHY)  # it was not closed after all
    said("prepay", *MEDICAL, "--amount", "11.00", *WHY)
    assert "fund is closed" in said("close-account", *MEDICAL, "--account", "fund", *WHY)
    assert "closed" in said("fund", *MEDICAL, "--amount", "1.00", *WHY, code=1)


def test_nobody_rewrites_who_gave_the_money(link: Link, said: Said, own_place: place.Place) -> None:
    said("fund", *MEDICAL, "--amount", "10.00", *WHY)
    with psycopg.connect(link.nodes.places["sichuan"].database_url, autocommit=True) as node:
        for statement in ("UPDATE clearing_deed SET why = ''", "DELETE FROM clearing_deed"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                node.execute(statement)
