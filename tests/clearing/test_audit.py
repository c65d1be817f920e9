"""The audit finds every kind of damage, at the node and between the nodes; the lint finds what Citus or a careless grant breaks."""

from importlib import import_module
from typing import Any

import psycopg
import pytest
from town import BOOK, Town, post_alone

from chuanyu.clearing import actions, audit, lint
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.node import cli


@pytest.fixture
def busy(town: Town) -> Town:
    """Some of everything: posted, reserved, reversed, refused, closed."""
    paid = town.pay("chongqing", 500)
    town.pay("sichuan", 300)
    held = town.pay("chongqing", 50, kind="pending")
    town.pay("chongqing", 60, kind="pending")
    town.pay("chongqing", 20, kind="post", of=held)
    town.pay("chongqing", 100, kind="reverse", of=paid)
    town.pay("chongqing", 10**12)
    town.pay("chongqing", 40, window="")
    town.work()
    town.turn("2025-04-01")
    town.work()
    town.pay("chongqing", 77)
    town.work()
    town.sound()
    return town


DAMAGE = {
    "sum": "UPDATE ledger.account SET balance = balance + 1 WHERE name = 'fund'",
    "balances": "UPDATE ledger.account SET balance = balance + CASE name WHEN 'fund' THEN 1 ELSE -1 END WHERE name IN ('fund', 'treasury')",
    "entries": "UPDATE ledger.entry SET after = after + 1 WHERE seq = 2",
    "entries: a gap": "UPDATE ledger.entry SET seq = seq + 1000 WHERE seq >= 2",
    "transfers": "UPDATE ledger.transfer SET amount = amount + 1 WHERE kind = 0 AND status = 0",
    "transfers: an entry without one": "DELETE FROM ledger.transfer WHERE kind = 2",
    "transfers: one entry moved": "UPDATE ledger.entry SET transfer = gen_random_uuid() WHERE seq = 1",
    "limits": "UPDATE ledger.account SET floor = balance + 1 WHERE name = 'fund'",
    "limits: ceiling": "UPDATE ledger.account SET ceiling = balance - 1 WHERE name = 'fund'",
    "reservations": "UPDATE ledger.account SET pending_out = pending_out + 1 WHERE name = 'fund'",
    "reservations: one lost": "DELETE FROM ledger.transfer WHERE kind = 1 AND amount = 60",
    "origins": "UPDATE ledger.transfer SET amount = 10 WHERE kind = 1 AND amount = 50",
    "reversals": "UPDATE ledger.transfer SET amount = 99 WHERE kind = 0 AND amount = 500",
    "windows": 'UPDATE ledger.transfer SET "window" = 99 WHERE kind = 0 AND "window" <> 0',
    "windows: no longer what was signed": "UPDATE ledger.transfer SET status = 5 WHERE kind = 2",
    "windows: open again": "UPDATE ledger.window SET state = 0",
    "windows: signature": """UPDATE clearing_window SET signature = '{"key": "chongqing-1", "signature": ""}'""",
    "windows: statement": "UPDATE clearing_window SET statement = theirs || '{\"period\": \"2025-02\"}' WHERE state = 'closed'",
    "instructions": "UPDATE clearing_instruction SET status = 'posted' WHERE status = 'refused'",
    "instructions: refused and posted": "UPDATE clearing_instruction SET status = 'refused' WHERE kind = 'plain' AND amount = 77",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_every_kind_of_damage_is_found_and_told_by_line(busy: Town, what: str) -> None:
    busy.tamper("chongqing", DAMAGE[what])
    with busy.at("chongqing"):
        found = audit.whole(lambda line: None, alone=True)
    assert any(line.startswith(what.partition(":")[0] + ": ") for line in found), found


def test_many_wrong_lines_are_counted(busy: Town) -> None:
    with busy.at("chongqing"):
        for _ in range(audit.MOST + 5):
            post_alone(BOOK, "treasury", "fund", 1)
    busy.tamper("chongqing", "DELETE FROM ledger.entry WHERE amount = 1 OR amount = -1")
    with busy.at("chongqing"):
        found = [line for line in audit.inside() if line.startswith("transfers")]
    assert len(found) == audit.MOST + 1 and found[-1].endswith("more like this")


def test_mirrors_are_equal_less_what_is_on_its_way(busy: Town) -> None:
    busy.pay("chongqing", 8)
    busy.pay("chongqing", 9, window="")
    busy.work(carry=False)
    for node in ("chongqing", "sichuan"):
        said: list[str] = []
        with busy.at(node):
            assert audit.whole(said.append) == []
        assert [line.rpartition(": ")[2] for line in said] == ["1 on their way, 8 in all", "1 on their way, 9 in all"]


def test_what_is_on_its_way_for_too_long_is_told(busy: Town) -> None:
    busy.pay("chongqing", 8)
    busy.work(carry=False)
    busy.tamper("chongqing", "UPDATE ledger.transfer SET at = at - interval '1 hour'")
    busy.tamper("chongqing", "UPDATE ledger.window SET opened = opened - interval '1 hour'")
    with busy.at("chongqing"):
        (line,) = audit.between()
    assert line.startswith("mirrors:") and "still not there" in line


@pytest.mark.parametrize("window", ["2025-04", ""])
def test_a_mirror_of_nothing_is_told_by_both(busy: Town, window: str) -> None:
    with busy.at("sichuan"):
        actions.instruct(
            id=uuid7(), case=None, sequence=1, service="pension_transfer", name="transfer_amount", side="payee",
            payer="chongqing/hrss", payee="sichuan/hrss", amount=9, unit="CNY", cycle="gross", window=window,
        )  # fmt: skip
    busy.work()
    for node, place in (("sichuan", "here"), ("chongqing", "there")):
        with busy.at(node):
            (line,) = audit.between()
        assert f"a mirror of nothing {place}" in line


def test_another_amount_is_told(busy: Town) -> None:
    busy.pay("chongqing", 8)
    busy.on_its_way[0].arguments["amount"] = 9
    busy.work()
    with busy.at("chongqing"):
        (line,) = audit.between()
    assert "8 here and 9 there" in line


def test_when_the_other_node_does_not_answer_nothing_is_proven(busy: Town) -> None:
    busy.link.up = False
    with busy.at("chongqing"):
        (line,) = audit.whole(lambda line: None)
        assert "could not be asked (unreachable)" in line
        assert audit.whole(lambda line: None, alone=True) == []


def test_the_audit_does_not_disturb_who_posts(busy: Town) -> None:
    """It reads; it takes no lock that a posting would wait for."""
    own = busy.link.nodes.places["chongqing"]
    with busy.at("chongqing"), psycopg.connect(own.database_url) as connection:
        statements = [audit._OPEN + s if " open " in s else s for _, s in audit.INSIDE.values()]
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]
        post_alone(BOOK, "treasury", "fund", 1)


# --- lint -------------------------------------------------------------------------------------------------------------


def test_the_ledger_as_it_is_made_is_clean(town: Town) -> None:
    assert list(lint.problems()) == []


@pytest.mark.parametrize(
    ("statement", "undo", "line"),
    [
        ("CREATE UNIQUE INDEX bad ON ledger.transfer (id)", "DROP INDEX ledger.bad", "bad begins with id"),
        ("CREATE UNIQUE INDEX bad ON ledger.account (lower(name))", "DROP INDEX ledger.bad", "bad begins with an expression"),
        ("ALTER TABLE ledger.account ADD CONSTRAINT bad UNIQUE (name, book)", "ALTER TABLE ledger.account DROP CONSTRAINT bad", "bad"),
        (
            "CREATE TABLE ledger.x (other int, book int, FOREIGN KEY (other) REFERENCES ledger.book)",
            "DROP TABLE ledger.x", "x_other_fkey begins with other",
        ),
        (
            "CREATE TRIGGER bad BEFORE UPDATE ON ledger.entry FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "DROP TRIGGER bad ON ledger.entry", "trigger bad",
        ),
        ("GRANT INSERT ON ledger.entry TO chuanyu_node", "REVOKE INSERT ON ledger.entry FROM chuanyu_node", "has INSERT"),
        ("GRANT TRUNCATE ON ledger.entry TO PUBLIC", "REVOKE TRUNCATE ON ledger.entry FROM PUBLIC", "has TRUNCATE"),
        (
            "GRANT UPDATE (balance) ON ledger.account TO chuanyu_node", "REVOKE UPDATE (balance) ON ledger.account FROM chuanyu_node",
            "UPDATE on a column",
        ),
        ("GRANT CREATE ON SCHEMA ledger TO chuanyu_node", "REVOKE CREATE ON SCHEMA ledger FROM chuanyu_node", "may make tables"),
        ("GRANT EXECUTE ON FUNCTION ledger.close TO PUBLIC", "REVOKE EXECUTE ON FUNCTION ledger.close FROM PUBLIC", "anybody may call"),
        (
            "ALTER FUNCTION ledger.close RESET search_path", "ALTER FUNCTION ledger.close SET search_path = pg_catalog, pg_temp",
            "without the fixed",
        ),
        (
            "ALTER FUNCTION ledger.post SET search_path = pg_catalog", "ALTER FUNCTION ledger.post SET search_path = pg_catalog, pg_temp",
            "ledger.post: acts as its owner without the fixed search_path",
        ),
        (
            "CREATE FUNCTION public.bad() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1", "DROP FUNCTION public.bad",
            "public.bad: acts as its owner",
        ),
        (
            "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO PUBLIC', current_database()); END $$",
            "DO $$ BEGIN EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database()); END $$",
            "may make temporary",
        ),
        (
            "CREATE FUNCTION ledger.bad() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM ledger.book WHERE ctid IS NULL';"
            "REVOKE ALL ON FUNCTION ledger.bad FROM PUBLIC",
            "DROP FUNCTION ledger.bad", "uses ctid",
        ),
    ],
)  # fmt: skip
def test_lint_names_what_is_wrong(town: Town, statement: str, undo: str, line: str) -> None:
    town.tamper("chongqing", statement)
    try:
        with town.at("chongqing"):
            found = list(lint.problems())
    finally:
        town.tamper("chongqing", undo)
    assert len(found) >= 1 and any(line in one for one in found), found
    with town.at("chongqing"):
        assert list(lint.problems()) == []


def test_a_ledger_made_before_gets_its_functions_as_they_are_now(town: Town) -> None:
    """What the migration does to it: the functions are guarded, and still the owner's and the node's to call."""
    replaced = import_module("chuanyu.clearing.migrations.0007_functions").REPLACED
    for function in ("open", "close", "begin", "shut", "post", "expire"):
        town.tamper("chongqing", f"ALTER FUNCTION ledger.{function} SET search_path = pg_catalog")
    with town.at("chongqing"):
        assert len(list(lint.problems())) == 6
    town.tamper("chongqing", replaced)
    with town.at("chongqing"):
        assert list(lint.problems()) == []
        post_alone(BOOK, "treasury", "fund", 1)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(busy: Town, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """`command("audit")`: (exit code, output) at Chongqing."""
    monkeypatch.setattr(cli, "django", lambda *_, **__: None)

    def run(*words: str) -> tuple[int, str]:
        with busy.at("chongqing"):
            code = cli.main(["clearing", *words, "--at", "chongqing"])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def test_audit_and_lint_exit_with_the_lines(busy: Town, command: Any) -> None:
    assert command("lint")[0] == 0
    code, out = command("audit")
    assert code == 0 and "all of it holds" in out and "mirrors" in out
    busy.tamper("chongqing", DAMAGE["sum"])
    code, out = command("audit", "--alone")
    assert code == 1 and "sum: hrss/pension_transfer CNY: the accounts sum to 1" in out


def test_windows_close_and_statement(busy: Town, command: Any) -> None:
    code, out = command("windows")
    assert code == 0 and "pension_transfer/2025-03/sichuan/hrss" in out and "closed" in out and "CQ2" in out
    code, out = command("close", "pension_transfer/2025-04/sichuan/hrss")
    assert (code, out) == (0, "pension_transfer/2025-04/sichuan/hrss: closing\n")
    assert command("close", "nothing")[0] == 1
    code, out = command("differences")
    assert code in (0, 1)
    code, out = command("statement", BOOK)
    assert code == 0 and "due_to/sichuan/hrss" in out
    code, out = command("statement", BOOK, "fund")
    assert code == 0 and out.splitlines()[0].startswith("time,number,transfer")
    code, out = command("statement", BOOK, "fund", "--as-of", "2000-01-01")
    assert (code, out) == (0, "0.00\n")
    assert command("statement", BOOK, "nobody") == (
        1,
        "chuanyu clearing: There is no account nobody in hrss/pension_transfer.\n",
    )


def test_differences_are_told_in_their_unit(busy: Town, command: Any) -> None:
    with busy.at("chongqing"):
        actions.fund(agency="hrss", service="pension_transfer", amount=Money(5), unit="points")
    busy.pay("chongqing", 5, unit="points")
    busy.work(carry=False)
    busy.on_its_way.clear()  # the case's message never came
    busy.turn("2025-05-01")
    busy.work()
    code, out = command("differences", "pension_transfer/2025-04/sichuan/hrss/points")
    assert code == 1 and out.rstrip().endswith("here 5, there missing")


def test_bank(busy: Town, command: Any, tmp_path: Any) -> None:
    file = tmp_path / "bank.csv"
    with busy.at("chongqing"):
        from chuanyu.clearing.models import Order

        order = Order.objects.get(payer="chongqing/hrss", window__isnull=False)
    file.write_text(
        f"reference,number,direction,amount,day\nb1,{order.number},out,{order.amount / 100:.2f},2025-04-02\nb2,x,out,1.00,2025-04-02\n"
    )
    assert command("bank", str(file)) == (1, "2 lines, 1 with a problem\nb2: order x: unknown_order\n")
    assert command("bank", str(file)) == (
        1,
        f"b1: order {order.number}: already there\n2 lines, 1 with a problem, 1 already there\nb2: order x: unknown_order\n",
    )
    head = "reference,number,direction,amount,day\n"
    for text, said in (
        (f"{head}b3,x,out,1.0.0,2025-04-02\n", "line 2, amount: Yuan above zero"),
        (f"{head}b3\0,x,out,1.00,2025-04-02\n", "line 2, reference: It has characters that cannot be printed"),
        (f"{head}{'b' * 65},x,out,1.00,2025-04-02\n", "line 2, reference: At most 64"),
        (head, "The file has no lines"),
        ("", "The file has no lines"),
    ):
        file.write_text(text)
        code, out = command("bank", str(file))
        assert code == 1 and said in out and "Error" not in out
    file.write_bytes(f"{head}转账,x,out,1.00,2025-04-02\n".encode("gb18030"))
    assert command("bank", str(file)) == (1, "1 lines, 1 with a problem\n转账: order x: unknown_order\n")
