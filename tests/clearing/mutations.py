"""Every guard of the ledger, taken away: which test notices?

    python tests/clearing/mutations.py --list          what is taken away, and which test must fail
    python tests/clearing/mutations.py [NAME …]        do it, one after the other, in a copy; exit 1 if a test did not notice

A mutation is a line of code replaced. test_mutations.py keeps the list true: each line is still there, each test exists.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CLEARING = "src/chuanyu/clearing"


class Mutation(NamedTuple):
    """`old` stands once in `file`; with `new` instead, `test` fails."""

    name: str
    file: str
    old: str
    new: str
    test: str


def sql(name: str, old: str, new: str, test: str) -> Mutation:
    """One in ledger.sql; the test is in test_ledger.py unless it says where."""
    return Mutation(name, f"{CLEARING}/ledger.sql", old, new, test if "::" in test else f"test_ledger.py::{test}")


def code(name: str, module: str, old: str, new: str, test: str) -> Mutation:
    """One in a module of clearing."""
    return Mutation(name, f"{CLEARING}/{module}.py", old, new, test)


MUTATIONS = (
    # --- ledger.sql: locks and identity
    sql("no lock on accounts", "ORDER BY id FOR NO KEY UPDATE) l;", "ORDER BY id) l;",
        "test_concurrency.py::test_sixteen_connections_on_two_hot_accounts_never_deadlock"),
    sql("accounts locked in any order", "ORDER BY id FOR NO KEY UPDATE) l;", "ORDER BY random() FOR NO KEY UPDATE) l;",
        "test_concurrency.py::test_sixteen_connections_on_two_hot_accounts_never_deadlock"),
    sql("no dedupe", "ON t.book = p_book AND t.id = ANY (p_id) AND t.id = u.id;", "ON false;",
        "test_a_transfer_moves_money_once_however_often_it_is_sent"),
    sql("dedupe looks at the id alone", "WHEN (t.debit, t.credit, t.amount, t.code, t.kind) = (u.dr, u.cr, u.amt, u.code, u.kind)",
        "WHEN t.kind = u.kind", "test_the_same_id_with_other_content_is_refused"),
    sql("dedupe forgets the expiry", "AND t.expires IS NOT DISTINCT FROM u.expires", "", "test_the_same_id_with_another_expiry_is_refused"),
    sql("refusals are not kept", "kept CONSTANT smallint[] := '{0,5,", "kept CONSTANT smallint[] := '{0,",
        "test_a_fund_cannot_lend_and_the_refusal_is_kept"),
    sql("a caller's mistakes are kept", "kept CONSTANT smallint[] := '{0,5,", "kept CONSTANT smallint[] := '{0,3,4,8,11,5,",
        "test_what_makes_no_sense_is_refused_and_not_kept"),
    sql("any isolation level", "IF current_setting('transaction_isolation') <> 'read committed' THEN", "IF false THEN",
        "test_it_insists_on_read_committed"),
    sql("the dedupe reads the whole book", "AND t.id = ANY (p_id) AND t.id = u.id;", "AND t.id = u.id;",
        "test_plans.py::test_a_large_book_is_not_read_as_a_whole"),
    sql("names are looked for among all", "ON ledger.account (book, name) WHERE name <> '';", "ON ledger.account (book, name);",
        "test_plans.py::test_a_large_book_is_not_read_as_a_whole"),
    # --- ledger.sql: what is checked
    sql("no floor", "IF cl[d] OR cl[c] THEN s := 6;\n        ELSIF bal[d] - po[d] - a < flo[d] THEN s := 5;",
        "IF cl[d] OR cl[c] THEN s := 6;", "test_a_fund_cannot_lend_and_the_refusal_is_kept"),
    sql("what is reserved can be spent", "bal[d] - po[d] - a < flo[d]", "bal[d] - a < flo[d]",
        "test_a_pending_reserves_and_its_post_moves_all_or_part"),
    sql("no ceiling", "bal[c] + pi[c] + a > cei[c]", "false", "test_a_ceiling_holds_for_what_has_come_and_what_may_come"),
    sql("the ceiling forgets what may come", "bal[c] + pi[c] + a > cei[c]", "bal[c] + a > cei[c]",
        "test_a_ceiling_holds_for_what_has_come_and_what_may_come"),
    sql("an account without limits overflows", "array_agg(greatest(l.floor, -4000000000000000000))", "array_agg(l.floor)",
        "test_no_balance_outgrows_its_number"),
    sql("a reversal is reversed", "IF ok[i] NOT IN (0, 2) THEN s := 12;", "IF ok[i] NOT IN (0, 2, 5) THEN s := 12;",
        "test_a_reversal_is_not_reversed"),
    sql("closed accounts take money", "IF cl[d] OR cl[c] THEN s := 6;", "IF false THEN s := 6;",
        "test_a_closed_account_takes_nothing_and_gives_nothing"),
    sql("an account closes over a reservation", "AND id = p_account AND pending_out = 0 AND pending_in = 0", "AND id = p_account",
        "test_a_closed_account_takes_nothing_and_gives_nothing"),
    sql("fen into points", "ELSIF un[d] <> un[c] THEN s := 8;", "", "test_what_makes_no_sense_is_refused_and_not_kept"),
    sql("no limit of the amount", "IF a NOT BETWEEN 1 AND 1000000000000000 THEN s := 7;", "IF a < 1 THEN s := 7;",
        "test_what_makes_no_sense_is_refused_and_not_kept"),
    # --- ledger.sql: what is written
    sql("a sign flipped", "bal[c] := bal[c] + x; sq[c] := sq[c] + 1; cs[i]", "bal[c] := bal[c] - x; sq[c] := sq[c] + 1; cs[i]",
        "test_a_transfer_moves_money_once_however_often_it_is_sent"),
    sql("an entry's sign flipped", "(u.dr, u.ds, -u.amt, u.da)", "(u.dr, u.ds, u.amt, u.da)",
        "test_against_model.py::test_random_transfers_equal_the_model"),
    sql("the balance before instead of after", "ds[i] := sq[d]; da[i] := bal[d];", "ds[i] := sq[d]; da[i] := bal[d] + x;",
        "test_any_balance_as_of_any_moment_is_one_index_probe"),
    sql("entries are not numbered", "sq[c] := sq[c] + 1; cs[i] := sq[c]", "cs[i] := sq[c] + 1",
        "test_against_model.py::test_random_transfers_equal_the_model"),
    sql("time goes back", "greatest(clock_timestamp(), max(l.at), moment)", "clock_timestamp()",
        "test_time_never_goes_back_along_an_account"),
    # --- ledger.sql: reservations, reversals, chains
    sql("a pending resolves twice", "ELSIF rk[g] IS NOT NULL THEN s := 12 + rk[g];", "", "test_a_pending_resolves_once"),
    sql("a post takes more than was reserved", "ELSIF k = 2 AND a > oa[i] THEN s := 13;", "",
        "test_a_post_takes_no_more_than_was_reserved_and_the_same_accounts"),
    sql("a post from other accounts", "IF ok[i] <> 1 OR od[i] <> p_debit[i] OR oc[i] <> p_credit[i] OR", "IF ok[i] <> 1 OR",
        "test_a_post_takes_no_more_than_was_reserved_and_the_same_accounts"),
    sql("what has expired is posted", "ELSIF k = 2 AND ox[i] <= moment THEN s := 16;", "",
        "test_what_has_expired_is_given_back_once_and_can_no_longer_be_posted"),
    sql("nothing expires by itself", "AND p.expires > mark AND p.expires <= moment", "AND p.expires > mark AND p.expires <= mark",
        "test_what_has_expired_is_given_back_once_and_can_no_longer_be_posted"),
    sql("a part posted keeps the rest reserved", "rk[g] := k; y := - oa[i];", "rk[g] := k; y := - a;",
        "test_a_pending_reserves_and_its_post_moves_all_or_part"),
    sql("reversed more than once", "ELSIF rs[g] + a > oa[i] THEN s := 13;", "ELSIF a > oa[i] THEN s := 13;",
        "test_a_reversal_gives_back_in_parts_and_never_more_than_the_whole"),
    sql("reversed to somewhere else", "ELSIF od[i] <> p_credit[i] OR (oc[i] <> p_debit[i] AND NOT p_mirror) THEN s := 12;", "",
        "test_a_reversal_goes_back_where_it_came_from"),
    sql("a failed chain keeps its first half", "bal[d] := bal[d] + xs[j]; sq[d] := sq[d] - 1; ds[j] := NULL;", "",
        "test_a_chain_is_posted_all_or_none_and_the_one_that_failed_keeps_its_reason"),
    sql("a failed chain keeps what it reserved", "po[d] := po[d] - ys[j]; pi[c] := pi[c] - ys[j];", "",
        "test_a_chain_undoes_reservations_posts_and_reversals_too"),
    sql("a failed chain has resolved a pending", "ELSIF p_kind[j] > 1 THEN rk[slot[j]] := NULL; END IF;", "END IF;",
        "test_a_chain_undoes_reservations_posts_and_reversals_too"),
    sql("a chain may be torn", "IF p_chain[i] = ANY (chains) THEN", "IF false THEN", "test_a_torn_chain_is_an_error"),
    # --- ledger.sql: windows and privileges
    sql("a closing window takes payments", "WHEN s = 2 OR (s = 1 AND NOT p_mirror) THEN 17", "WHEN s = 2 THEN 17",
        "test_a_closing_window_takes_mirrors_only_and_a_closed_one_nothing"),
    sql("closing does not wait", "WHERE w.book = p_book AND w.id = p_window FOR SHARE;", "WHERE w.book = p_book AND w.id = p_window;",
        "test_concurrency.py::test_closing_waits_for_what_is_being_posted"),
    sql("what was signed is adjusted", "ELSIF ow[i] = ANY (signed) THEN s := 17;", "", "test_what_both_have_signed_is_not_adjusted"),
    sql("a window opens again", "IF s < p_state AND p_state IN (1, 2) THEN", "IF true THEN",
        "test_a_closing_window_takes_mirrors_only_and_a_closed_one_nothing"),
    sql("the node's role may write", "GRANT SELECT ON ALL TABLES IN SCHEMA ledger", "GRANT ALL ON ALL TABLES IN SCHEMA ledger",
        "test_the_nodes_role_cannot_write_the_ledger"),
    # --- the poster
    code("two posters at once", "batches", "SELECT pg_try_advisory_lock(hashtext('chuanyu.poster'), hashtext(%s))", "SELECT true, %s",
         "test_instructions.py::test_only_one_poster_works_on_a_book"),
    code("an answer is stored twice", "posting", " if instruction.status == Status.WAITING]", "]",
         "test_instructions.py::test_an_answer_is_stored_once"),
    code("one failure holds up all", "posting", "except Exception:  # the others must not wait for it; it stays waiting and is tried again",
         "except KeyError:", "test_instructions.py::test_an_answer_that_cannot_be_stored_does_not_hold_up_the_others"),
    code("what came too early is refused", "posting", "if status != UNKNOWN_TRANSFER or instruction.of is None:", "if True:",
         "test_instructions.py::test_what_comes_before_what_it_refers_to_waits"),
    code("a step is posted in part", "posting", "chain = number if len(step) > 1 else 0", "chain = 0",
         "test_steps.py::test_one_that_is_refused_takes_the_others_with_it"),
    code("a batch cuts a step in two", "posting", "if len(found) == BATCH:", "if False:",
         "test_steps.py::test_a_full_batch_does_not_cut_a_step_in_two"),
    code("a collision cuts a step in two", "posting", "if chains[i] == 0 or chains[i] != chains[i - 1]]", "]",
         "test_steps.py::test_a_batch_that_collides_is_never_split_through_a_step"),
    code("windows tear a step apart", "posting", "raise _TakenBack", "pass",
         "test_steps.py::test_all_or_none_holds_across_windows"),
    code("a mirrored reversal needs money", "posting", "if instruction.side == Side.PAYEE and kind in (Kind.REVERSE, Kind.ADJUST):",
         "if False:", "test_instructions.py::test_a_mirrored_reversal_cannot_be_refused"),
    code("a case is not told of an expiry", "handlers", "for handler in _expired:", "for handler in ():",
         "test_instructions.py::test_a_reservation_that_runs_out_of_time_is_given_back_and_its_case_told"),
    # --- windows, orders, differences
    code("a case slips into a signed window", "windows", "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 2))", "SELECT %s",
         "test_windows.py::test_entering_and_closing_exclude_each_other"),
    code("closing forgets what waits", "windows", "if waiting.filter(side=Instruction.Side.PAYER).exists():", "if False:",
         "test_windows.py::test_what_was_instructed_before_closing_is_still_posted_in_it"),
    code("one signature is enough", "windows", "if window.theirs != window.statement or waiting.exists():", "if waiting.exists():",
         "test_windows.py::test_a_mirror_that_comes_late_still_enters_the_closing_window"),
    code("signatures are believed", "messages", "if not signed.verified(statement, body.signature, node=envelope.from_node):", "if False:",
         "test_windows.py::test_a_statement_with_a_wrong_signature_is_refused"),
    code("one node closes another's month", "messages", "if last >= days.today() and", "if False and",
         "test_windows.py::test_a_window_closed_early_is_followed_by_the_next"),
    code("the hash forgets the amounts", "signed", "uuid_send(r.id) || int8send(r.amount)", "uuid_send(r.id)",
         "test_windows.py::test_the_hash_sees_what_the_sum_does_not"),
    code("an adjusted transfer is signed", "signed", "AND a.status = 0 AND a.kind = 6)", "AND a.status = 0 AND a.kind = 7)",
         "test_differences.py::test_one_that_never_arrived_is_listed_and_adjusted_by_the_payer"),
    code("reversals count twice", "signed", "CASE WHEN t.kind = 5 THEN -t.amount ELSE t.amount END", "t.amount",
         "test_windows.py::test_reversals_that_outweigh_what_was_paid_turn_the_order_round"),
    code("net is paid gross", "orders", 'if window.cycle == "net":', "if False:", "test_windows.py::test_net_is_one_order"),
    code("any amount of the bank will do", "orders", 'if order.amount != line["amount"]:', "if False:",
         "test_windows.py::test_what_the_bank_says_must_fit_the_order"),
    code("an order nobody signed", "messages", "if (body.payer, body.payee, body.amount) not in orders.expected(window):", "if False:",
         "test_windows.py::test_an_order_that_is_not_what_was_signed_is_refused"),
    code("anybody adjusts", "actions", "if not may(actor, own):", "if False:",
         "test_differences.py::test_who_may_adjust"),
    # --- over HTTP
    code("an id twice in one batch", "collector", "if any(row.id in seen for row in one[0]):", "if False:",
         "test_collector.py::test_the_same_id_twice_at_once_is_asked_twice_in_different_batches"),
    code("any token", "door", "if not hmac.compare_digest(given.encode(), token(self._secret, agency).encode()) or not agency:",
         "if not agency:", "test_collector.py::test_without_the_agencys_token_nothing_opens"),
    code("integrators move what is between the nodes", "door", "if name.startswith(legs.BETWEEN) or", "if False and",
         "test_collector.py::test_what_stands_between_the_nodes_is_not_touched"),
)  # fmt: skip


def notices(mutation: Mutation) -> bool:
    """Whether the test fails on a copy with the mutation."""
    with tempfile.TemporaryDirectory(prefix="chuanyu-mutation-") as folder:
        Path(folder).chmod(0o711)
        shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__"))
        file = Path(folder) / mutation.file
        file.write_text(file.read_text().replace(mutation.old, mutation.new))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "--no-header",
                "-p",
                "no:cacheprovider",
                f"tests/clearing/{mutation.test}",
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(Path(folder) / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        return done.returncode == 1  # 1: a test failed; anything else is no answer


def main() -> int:
    """0 when every mutation was noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="only say what is taken away and which test notices")
    options = parser.parse_args()
    missed = []
    for mutation in MUTATIONS:
        if options.names and mutation.name not in options.names:
            continue
        if options.list:
            print(f"{mutation.name:<45} {mutation.test}")
            continue
        well = notices(mutation)
        print(f"{'noticed' if well else 'MISSED':<8} {mutation.name:<45} {mutation.test}", flush=True)
        missed += [] if well else [mutation.name]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
