"""Every page there is and everyone it is for, by the names of identity's access table: what has no line here fails a test.

The pages lie at one node, with something on each: a resident with cases, a draft, messages and delegates, another one who
gave a consent, a clerk with somebody at the counter, a year for the office to look back on.
"""

from datetime import timedelta
from random import Random

import axe
from browser import Person, Town
from django.urls import reverse
from test_pension_browser import apply

from chuanyu.core import days
from chuanyu.identity.roles import ACCESS, ANY, CLERK, OFFICER, RESIDENT, STAFF
from chuanyu.node.samples import journeys
from chuanyu.node.samples.people import name_for

NODE = "sichuan"
NOWHERE = "/nowhere/"  # what is not there has a page too
SERVICE = {"key": "pension_transfer"}
CASE = {"case": "{case}"}

# url name → what its address takes; {words} are filled in from the scene. A query may follow the name.
PAGES: dict[str, dict[str, str]] = {
    "account_login": {},
    "account_inactive": {},
    "account_reauthenticate": {},
    "account_change_password": {},
    "mfa_index": {},
    "mfa_reauthenticate": {},
    "mfa_activate_totp": {},
    "mfa_view_recovery_codes": {},
    "mfa_generate_recovery_codes": {},
    "portal:home": {},
    "portal:life": {"key": "work"},
    "portal:eligible": SERVICE,
    "portal:rate": {"token": "{token}"},
    "portal:accessibility": {},
    "portal:design": {},
    "portal:services": {},
    "portal:guide": SERVICE,
    "portal:plan": {},
    "portal:agency": {},
    "portal:documents": {},
    "portal:document": {"key": "pension_transfer", "name": "account_record"},
    "portal:reference": {},
    "portal:apply": SERVICE,
    "portal:check": {"key": "unemployment_transfer"},
    "portal:sent": CASE,
    "portal:my_cases": {},
    "portal:tracker": CASE,
    "portal:my_act": CASE | {"name": "withdraw"},
    "portal:accesses": {},
    "portal:me": {},
    "portal:messages": {},
    "portal:papers": {},
    "portal:money": {},
    "portal:consents": {},
    "portal:delegates": {},
    "portal:offer": {},
    "portal:worklist": {},
    "portal:workspace": {"case": "{waiting}"},
    "portal:person": {},
    "portal:person_apply": {"key": "public_opinion"},
    "portal:person_check": {"key": "public_opinion"},
    "portal:slip": {"case": "{waiting}"},
    "portal:shift": {},
    "portal:cashier": {},
    "portal:takings": {},
    "portal:grants": {},
    "portal:keys": {},
    "portal:levels": {},
    "portal:exchanged": {},
    "portal:uploads": {},
    "portal:upload": {"id": "{upload}"},
    "portal:held": {},
    "portal:pages": {},
    "portal:office": {},
    "portal:overdue": {},
    "portal:late": {"case": "{late}"},
    "portal:letters": {},
    "portal:scorecards": {},
    "portal:scorecard": SERVICE,
    "portal:flows": {},
    "portal:report": {},
    "portal:ratings": {},
    "portal:clearing": {},
    "portal:windows": {},
    "portal:orders": {},
    "portal:prepayments": {},
    "portal:accounts": {},
    "portal:account": {"agency": "hrss", "service": "pension_transfer", "name": "fund"},
}
# url name → why nobody looks at it
NO_PAGES = {
    "health": "for programs",
    "set_language": "a switch",
    "account_logout": "a switch; opened by hand it goes back to the front page or asks once more",
    "account_lock": "only there while the screen is locked: test_counter_browser",
    "account_alive": "for the page's own script",
    "mfa_authenticate": "only there between password and code: everybody who signs in passes it",
    "mfa_deactivate_totp": "only there for a resident with a second factor: tests/identity",
    "portal:large_text": "a switch",
    "portal:facts": "a step; leads back to the form",
    "portal:my_file": "a step",
    "portal:withdraw_consent": "a step",
    "portal:delegation": "a step",
    "portal:act_for": "a step",
    "portal:download": "a file",
    "portal:worklist_counts": "a part of the worklist",
    "portal:act": "a step",
    "portal:file": "a step",
    "portal:rating": "a step",
    "portal:window": "only there once something was cleared: tests/portal/test_clearing.py",
    "portal:order": "only there once something was paid: tests/portal/test_clearing.py",
    "portal:bank_answers": "a step",
    "portal:cashier_act": "a step",
    "portal:bill": "only there once a bill was settled: test_money_browser",
    "portal:purse": "only there for who has a wallet: test_money_browser",
    "portal:receipt": "only there once something was paid: test_money_browser",
    "portal:workbook": "a file",
    "portal:upload_take": "a step",
    "portal:upload_lines": "a file",
    "portal:held_decide": "a step",
    "portal:pages_settle": "a step",
    "api:api-root": "for programs",
    "api:openapi-json": "for programs",
    "api:services": "for programs",
    "api:service": "for programs",
    "api:cases": "for programs",
    "api:case": "for programs",
    "api:act": "for programs",
    "api:accesses": "for programs",
    "api:windows": "for programs",
    "api:window": "for programs",
    "api:window_transfers": "for programs",
    "api:orders": "for programs",
    "api:ledger_accounts": "for programs",
    "api:ledger_statement": "for programs",
    "api:bill": "for programs",
    "api:files": "for programs",
    "api:file": "for programs",
    "api:file_upload": "for programs",
    "api:file_results": "for programs",
    "api:held": "for programs",
    "api:held_decide": "for programs",
}


# url name → (roles that are led on to another page, why)
LED_ON: dict[str, tuple[frozenset[str], str]] = {
    "account_login": (ANY, "signed in already"),
    "mfa_reauthenticate": (RESIDENT, "has no second factor"),
    "mfa_activate_totp": (ANY, "asks for the password first: a test of its own"),
    "mfa_generate_recovery_codes": (ANY, "asks for the password first: a test of its own"),
    "mfa_view_recovery_codes": (ANY, "there are none before they are made: a test of its own"),
    "portal:rate": (STAFF, "staff do not rate"),
    "portal:upload": (CLERK | OFFICER, "another agency's: see MORE"),
    "portal:person_apply": (CLERK, "with somebody at the counter: see MORE"),
    "portal:person_check": (CLERK, "with somebody at the counter: see MORE"),
}
NOBODY = frozenset[str](), ""
# role → (who else, page): the same page with other things on it
MORE: dict[str, tuple[tuple[str, str], ...]] = {
    "resident": (
        *(("consenting", f"portal:{name}") for name in ("apply", "accesses", "consents")),
        *(("delegate", f"portal:{name}") for name in ("me", "messages", "delegates")),
    ),
    "clerk": (
        *(("attending", f"portal:{name}") for name in ("person", "person_apply", "person_check")),
        *(("uploading", f"portal:{name}") for name in ("agency", "uploads", "upload", "held", "pages")),
    ),
    "officer": tuple(("deciding", f"portal:{name}") for name in ("uploads", "upload", "held", "pages")),
}  # fmt: skip


class Scene:
    """Something on every page. `users`: role → sign-in name; `words` fill the addresses."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.users = {"public": "", "clerk": "clerk-hrss", "officer": "officer-hrss", "office": "office",
                      "consenting": "newcomer", "attending": "clerk-dev",
                      "uploading": "clerk-transport", "deciding": "officer-transport"}  # fmt: skip
        self.words: dict[str, str] = {}
        town.pair.command("sample", "history", "--count", "2400", "--at", NODE)
        self.users["resident"], self.users["delegate"] = town.resident(), town.resident()
        self.walk_in = town.resident("public_opinion")
        with town.person(NODE, self.users["resident"]) as resident:
            self.words["case"], _ = apply(resident)
            self._more_of_a_life(resident)
        with town.person(NODE, self.users["clerk"]) as clerk:  # so that there is a message
            clerk.open(f"/counter/{self.words['case']}/")
            clerk.page.click("section.act.main button.wide")
            clerk.sees("“受理”已完成")
        with town.person(NODE, self.users["delegate"]) as delegate:
            delegate.open("/delegates/")
            delegate.page.click("button:has-text('接受') >> nth=0")
            delegate.sees("已接受")
            self.words["waiting"], _ = apply(delegate)
        with town.person(NODE, self.users["consenting"]) as consenting:
            consenting.open("/services/pension_transfer/apply/")
            consent_and_withdraw(consenting)
        with town.person(NODE, self.users["attending"]) as clerk:
            clerk.open("/counter/person/")
            clerk.page.fill("[name=sought-number]", person_of(self.walk_in, "public_opinion")[0])
            clerk.page.check("[name=sought-purpose] >> nth=0")
            clerk.page.click("main form >> text=查找")
            clerk.open("/counter/person/public_opinion/")
            complain(clerk)

        with town.person(NODE, self.users["officer"]) as officer:
            officer.open("/office/overdue/")
            late = officer.page.locator("main tbody th a").first.get_attribute("href") or ""
            self.words["late"] = late.rstrip("/").rpartition("/")[2]
        with town.person(NODE, self.users["uploading"]) as clerk:
            self.words["upload"] = upload(clerk)

    def _more_of_a_life(self, resident: Person) -> None:
        """A complaint that was withdrawn and can be rated, a draft, a delegate."""
        page = resident.page
        resident.open("/services/public_opinion/apply/")
        complain(resident)
        page.click("text=提交申请")
        page.click("text=查看进度")
        page.click("aside >> text=撤回")
        page.click("main form button.warn")
        page.click("text=去评价")
        self.words["token"] = page.url.rstrip("/").rpartition("/")[2]
        resident.open("/services/unemployment_transfer/apply/")
        page.fill("[name=application-left_work_on]", "2026-01-05")
        page.click("text=继续：核对")
        offer(resident, self.users["delegate"])

    def visits(self, role: str) -> dict[str, list[str]]:
        """Who → where, for everything this role may open."""
        open_to = [name for name in PAGES if role in ACCESS[name] and role not in LED_ON.get(name, NOBODY)[0]]
        found = {self.users[role]: [*(self.address(name) for name in open_to), NOWHERE]}
        for who, name in MORE.get(role, ()):
            found.setdefault(self.users[who], []).append(self.address(name))
        return found

    def address(self, name: str) -> str:
        return str(reverse(name, kwargs={key: value.format(**self.words) for key, value in PAGES[name].items()}))


def consent_and_withdraw(resident: Person) -> None:
    """On the application's page: agree, see what came, take the consent back and begin anew; as it was but for the records."""
    page = resident.page
    assert page.input_value("[name=application-household]") == ""
    page.click("text=同意并调取")  # not ticked
    resident.sees("没有同意，就不会去调取")
    page.check("#agree")
    page.click("text=同意并调取")
    resident.sees("已调取并填好", "来自重庆，可以改", "凭您的同意从重庆取得")
    assert page.input_value("[name=application-household]").startswith("50")
    found = axe.violations(resident)
    resident.open("/consents/")
    resident.sees("1 次")
    found += axe.violations(resident)
    assert not found, "\n".join(found)
    page.click("text=撤回同意")
    resident.sees("已撤回")
    resident.open("/services/pension_transfer/apply/")
    page.click("main form.form button:has-text('删除草稿')")
    resident.sees("草稿已删除")


def upload(clerk: Person) -> str:
    """Hand in a file of taps some of which are refused or held; the upload's id."""
    file = clerk.town.pair.var / "taps.csv"
    day = days.today()
    lines = [
        "card,issuer,operator,terminal,counter,day,time,fare,mode",
        *(f"8A01F0C{n},chongqing,{NODE},B-101,{n},{day},08:0{n}:00,2.00,bus" for n in range(3)),
        f"8A01F0C3,chongqing,{NODE},B-101,3,{day},08:30:00,-1,bus",
        *(f"8A01F0C4,chongqing,{NODE},B-101,{n},{day - timedelta(days=20)},0{n}:30:00,2.00,bus" for n in range(4, 6)),
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    clerk.open("/agency/files/")
    clerk.page.set_input_files("#file", str(file))
    clerk.page.click("main form button:has-text('上传')")
    clerk.until("every row was judged", lambda text: "处理完" in text)
    return clerk.page.url.rstrip("/").rpartition("/")[2]


def complain(person: Person) -> None:
    """Fill in a complaint, up to the page where it is checked."""
    page = person.page
    page.check("[name=opinion-kind][value=complaint]")
    page.check("[name=opinion-about][value='500000']")
    page.fill("[name=opinion-what]", "电话一直没有人接。")
    page.click("text=继续：核对")
    person.sees("核对并提交")


def offer(principal: Person, delegate: str) -> None:
    """Ask somebody to act in one's pension transfer."""
    number, name = person_of(delegate)
    page = principal.page
    principal.open("/delegates/")
    page.click("main >> text=请人代办")
    page.fill("[name=offer-number]", number)
    page.fill("[name=offer-name]", name)
    page.check("[name=offer-relation][value=child]")
    page.check("[name=offer-extent][value=some]")
    page.check("#service-pension_transfer")
    page.click("text=发出")
    principal.sees("等对方接受")


def person_of(user: str, service: str = "pension_transfer") -> tuple[str, str]:
    """A sample resident's number and name, as their family and a clerk read them on the card."""
    run = int(user.rpartition("-")[2])
    _, sex, _ = journeys.described(service, 0)
    return journeys.number(service, 0, run), name_for(Random(f"chuanyu {user}"), sex)
