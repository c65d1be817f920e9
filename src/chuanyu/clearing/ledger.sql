-- The ledger: set-based double entry for PostgreSQL 18. One call of ledger.post = one batch = one transaction = one fsync.
--
-- Every key begins with `book` (an insurance pool, a city, a card operator): books are how it scales out.
-- Immutable by privilege, not by trigger: the node's role reads these tables and calls the functions below, nothing else.
-- READ COMMITTED is assumed: the dedupe is a statement after the locks, so it sees what the last lock holder committed.

CREATE SCHEMA ledger;

CREATE TABLE ledger.book (
  book  int  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name  text NOT NULL UNIQUE                  -- "hrss/pension_transfer"
);

CREATE TABLE ledger.account (
  book        int      NOT NULL,
  id          int      NOT NULL,              -- 1, 2, 3 … within its book
  name        text     NOT NULL,              -- "fund", "due_to/sichuan"
  unit        text     NOT NULL,              -- "CNY" (fen), "points", "items"
  balance     bigint   NOT NULL DEFAULT 0,    -- sum of signed entries: credit +, debit -
  floor       bigint,                         -- NULL = no limit; else balance >= floor after every debit
  seq         bigint   NOT NULL DEFAULT 0,    -- number of the account's last entry
  closed      boolean  NOT NULL DEFAULT false,
  PRIMARY KEY (book, id),
  UNIQUE (book, name)
) WITH (fillfactor = 50);                     -- heap-only updates; balance and seq are never indexed

CREATE TABLE ledger.transfer (
  book     int      NOT NULL,
  id       uuid     NOT NULL,                 -- made by the client, version 7: this IS the idempotency key
  debit    int      NOT NULL,
  credit   int      NOT NULL,
  amount   bigint   NOT NULL CHECK (amount > 0),
  code     text     NOT NULL,                 -- business meaning: the posting's name
  status   smallint NOT NULL,                 -- 0 posted; 5, 6 refused and kept: a retry gets the same answer for ever
  at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (book, id)
);

CREATE TABLE ledger.entry (
  book     int    NOT NULL,
  account  int    NOT NULL,
  seq      bigint NOT NULL,                   -- gap-free per account: a missing or doubled entry is visible
  transfer uuid   NOT NULL,
  amount   bigint NOT NULL,                   -- signed
  after    bigint NOT NULL,                   -- balance after it: any past balance is one index probe
  PRIMARY KEY (book, account, seq)
);

-- Opens what is not there yet; asking again changes nothing. An account keeps the unit and floor it was opened with.
CREATE FUNCTION ledger.open(p_book text, p_names text[], p_units text[], p_floors bigint[])
RETURNS TABLE (book int, id int, name text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE b int;
BEGIN
  SELECT k.book INTO b FROM ledger.book k WHERE k.name = p_book;
  IF b IS NULL THEN
    INSERT INTO ledger.book (name) VALUES (p_book) ON CONFLICT DO NOTHING;
    SELECT k.book INTO b FROM ledger.book k WHERE k.name = p_book;
  END IF;
  IF EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM ledger.account a WHERE a.book = b AND a.name = n)) THEN
    PERFORM FROM ledger.book k WHERE k.book = b FOR NO KEY UPDATE;   -- one opener per book numbers its accounts
    INSERT INTO ledger.account (book, id, name, unit, floor)
      SELECT b, coalesce((SELECT max(a.id) FROM ledger.account a WHERE a.book = b), 0) + row_number() OVER (ORDER BY u.o), u.n, u.un, u.f
        FROM unnest(p_names, p_units, p_floors) WITH ORDINALITY u(n, un, f, o)
       WHERE NOT EXISTS (SELECT FROM ledger.account a WHERE a.book = b AND a.name = u.n);
  END IF;
  RETURN QUERY SELECT a.book, a.id, a.name FROM ledger.account a WHERE a.book = b AND a.name = ANY (p_names);
END $$;

-- Posts a batch to one book. Answers one status per transfer, in order:
--   0 posted (also when the same transfer was posted before) · 2 this id was used with other content · 3 unknown account
--   4 both sides are one account · 5 would break the floor · 6 closed account · 7 amount not positive · 8 units differ
-- 5 and 6 are kept: the same id gets the same answer for ever. An id twice in one batch raises 23505: dedupe before calling.
CREATE FUNCTION ledger.post(p_book int, p_id uuid[], p_debit int[], p_credit int[], p_amount bigint[], p_code text[])
RETURNS smallint[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  n int := cardinality(p_id);
  acc int[]; bal bigint[]; flo bigint[]; sq bigint[]; sq0 bigint[]; cl boolean[]; un text[];
  di int[]; ci int[]; st smallint[];
  ea int[]; es bigint[]; et uuid[]; em bigint[]; ef bigint[];
  k int := 0; d int; c int; a bigint; touched int;
BEGIN
  IF n IS NULL OR n = 0 THEN RETURN '{}'; END IF;
  -- 1. Lock every account of the batch in one global order. NO KEY: it does not fight foreign-key share locks.
  SELECT array_agg(x.id), array_agg(x.balance), array_agg(x.floor), array_agg(x.seq), array_agg(x.closed), array_agg(x.unit)
    INTO acc, bal, flo, sq, cl, un
    FROM (SELECT * FROM ledger.account WHERE book = p_book AND id = ANY (p_debit || p_credit) ORDER BY id FOR NO KEY UPDATE) x;
  -- 2. A new statement, a new snapshot: it sees every transfer of whoever held those locks before us.
  SELECT array_agg(coalesce(da.pos, 0) ORDER BY u.ord), array_agg(coalesce(ca.pos, 0) ORDER BY u.ord),
         array_agg((CASE WHEN t.id IS NULL THEN -1
                         WHEN t.debit = u.dr AND t.credit = u.cr AND t.amount = u.amt AND t.code = u.code THEN t.status + 100
                         ELSE 2 END)::smallint ORDER BY u.ord)
    INTO di, ci, st
    FROM unnest(p_id, p_debit, p_credit, p_amount, p_code) WITH ORDINALITY u(id, dr, cr, amt, code, ord)
    LEFT JOIN unnest(acc) WITH ORDINALITY da(id, pos) ON da.id = u.dr
    LEFT JOIN unnest(acc) WITH ORDINALITY ca(id, pos) ON ca.id = u.cr
    LEFT JOIN ledger.transfer t ON t.book = p_book AND t.id = u.id;
  sq0 := sq;
  -- 3. Exact, in order, in memory: a refusal in the middle does not disturb those after it.
  FOR i IN 1..n LOOP
    IF st[i] >= 0 THEN CONTINUE; END IF;
    d := di[i]; c := ci[i]; a := p_amount[i];
    IF a <= 0 THEN st[i] := 7;
    ELSIF d = 0 OR c = 0 THEN st[i] := 3;
    ELSIF d = c THEN st[i] := 4;
    ELSIF cl[d] OR cl[c] THEN st[i] := 6;
    ELSIF un[d] <> un[c] THEN st[i] := 8;
    ELSIF flo[d] IS NOT NULL AND bal[d] - a < flo[d] THEN st[i] := 5;
    ELSE
      st[i] := 0;
      bal[d] := bal[d] - a; sq[d] := sq[d] + 1;
      bal[c] := bal[c] + a; sq[c] := sq[c] + 1;
      k := k + 1; ea[k] := acc[d]; es[k] := sq[d]; et[k] := p_id[i]; em[k] := -a; ef[k] := bal[d];
      k := k + 1; ea[k] := acc[c]; es[k] := sq[c]; et[k] := p_id[i]; em[k] :=  a; ef[k] := bal[c];
    END IF;
  END LOOP;
  -- 4. Three set-based writes.
  INSERT INTO ledger.transfer (book, id, debit, credit, amount, code, status)
    SELECT p_book, u.id, u.dr, u.cr, u.amt, u.code, u.s
      FROM unnest(p_id, p_debit, p_credit, p_amount, p_code, st) u(id, dr, cr, amt, code, s) WHERE u.s IN (0, 5, 6);
  IF k > 0 THEN
    INSERT INTO ledger.entry (book, account, seq, transfer, amount, after)
      SELECT p_book, * FROM unnest(ea, es, et, em, ef);
    UPDATE ledger.account x SET balance = u.b, seq = u.s
      FROM unnest(acc, bal, sq) u(t, b, s) WHERE x.book = p_book AND x.id = u.t AND x.seq <> u.s;
    GET DIAGNOSTICS touched = ROW_COUNT;       -- belt and braces: every account we changed was really written
    IF touched <> (SELECT count(*) FROM unnest(sq, sq0) u(n1, n0) WHERE u.n1 <> u.n0) THEN RAISE EXCEPTION 'ledger: lost update'; END IF;
  END IF;
  FOR i IN 1..n LOOP IF st[i] >= 100 THEN st[i] := st[i] - 100; END IF; END LOOP;
  RETURN st;
END $$;

REVOKE ALL ON FUNCTION ledger.open, ledger.post FROM PUBLIC;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    GRANT USAGE ON SCHEMA ledger TO chuanyu_node;
    REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM chuanyu_node;
    GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO chuanyu_node;
    GRANT EXECUTE ON FUNCTION ledger.open, ledger.post TO chuanyu_node;
  END IF;
END $$;
