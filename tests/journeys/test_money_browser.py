"""A visit settled over the border in two browsers: the cashier by keyboard, the patient on a phone; then a gift and its receipt."""

import json
from typing import Any

import axe
import pytest
from browser import Person, Town

from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7

CHRONIC, WALLET = "chronic_outpatient", "family_wallet"
PHONE = {"width": 375, "height": 700}


def test_a_cashier_settles_by_keyboard_and_the_patient_reads_why(town: Town) -> None:
    journey = catalogue()[CHRONIC].examples["journeys"][0]
    user = town.resident(CHRONIC)
    with town.person("sichuan", user, viewport=PHONE) as patient:
        case = ask(
            patient, "/api/cases", {"id": str(uuid7()), "service": CHRONIC, "documents": journey["steps"][0]["with"]}
        )
        with town.person("sichuan", "clerk-nhsa") as clerk:
            act = {"expects": case["sequence"], "documents": journey["steps"][1]["with"]}
            ask(clerk, f"/api/cases/{case['case']}/acts/bill", act)
            clerk.open("/counter/")
            clerk.page.click("nav >> text=收费窗口")
            clerk.until("it is computed", lambda text: case["reference"] in text and "等您结算" in text)
            access(clerk, "q")
            clerk.page.keyboard.type(case["reference"])
            with clerk.page.expect_navigation():
                clerk.page.keyboard.press("Enter")
            clerk.sees("195.00", "155.00", "已预留")
            assert axe.violations(clerk) == []
            with clerk.page.expect_navigation():
                access(clerk, "y")
            clerk.until("the fund has paid", lambda text: "已入账" in text)
            access(clerk, "t")
            clerk.sees("当日合计", "门诊慢特病跨省直接结算")
            assert axe.violations(clerk) == []
        patient.open(f"/cases/{case['case']}/")
        patient.sees("您付", "155.00 元")
        patient.page.click("text=逐项看怎么算的")
        patient.sees("(200.00 − 0.00) × 60% = 120.00", "参保地未认定该病种，转普通门诊", "已入账")
        assert axe.violations(patient) == []
        assert patient.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        with patient.page.expect_download() as file:
            patient.page.click("text=逐项明细（CSV）")
        assert "胰岛素" in file.value.path().read_text(encoding="utf-8-sig")


def test_a_wallet_shows_what_is_on_its_way_and_a_receipt(town: Town) -> None:
    hours = catalogue()[WALLET].examples["journeys"][0]["hours"]
    if not hours["from"] <= days.moment().strftime("%H:%M") < hours["until"]:
        pytest.skip("the wallet is closed at night")
    gift = catalogue()[WALLET].examples["journeys"][0]["steps"][0]["with"]
    with town.person("sichuan", town.resident(WALLET), viewport=PHONE) as sender:
        case = ask(sender, "/api/cases", {"id": str(uuid7()), "service": WALLET, "documents": gift})
        sender.open("/me/")
        sender.page.click("main >> text=我的资金")
        sender.until("it is reserved", lambda text: "18,500.00" in text and "到时退回" in text)
        sender.sees("今天还可转（笔）", "06:00", "22:00", case["reference"])
        assert axe.violations(sender) == []
        sender.page.click("main >> text=回执")
        sender.sees("您的个人账户", "1,500.00 元", "已预留")
        sender.open(f"/money/{WALLET}/CNY/")
        sender.sees("收支明细", "20,000.00 元")
        assert axe.violations(sender) == []


def access(person: Person, letter: str) -> None:
    """Alt and a letter, as a keyboard sends it: the driver's own press leaves out the text that access keys go by."""
    devtools = person.context.new_cdp_session(person.page)
    key = {"modifiers": 1, "key": letter, "code": f"Key{letter.upper()}", "unmodifiedText": letter}
    person.page.keyboard.down("Alt")
    for kind in ("keyDown", "keyUp"):
        devtools.send("Input.dispatchKeyEvent", {"type": kind, **key})
    person.page.keyboard.up("Alt")


def ask(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the API answers to whoever is signed in."""
    url = person.town.url(person.node)
    person.open("/")
    token = next(c["value"] for c in person.context.cookies() if c["name"].endswith("_csrf"))
    headers = {"X-CSRFToken": token, "Referer": url, "Content-Type": "application/json"}
    answer = person.context.request.post(url + path, data=json.dumps(body, default=str), headers=headers)
    assert answer.ok, answer.text()
    return dict(answer.json())
