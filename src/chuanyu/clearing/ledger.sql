-- The ledger: set-based double entry for PostgreSQL 18. One call of ledger.post = one batch = one transaction = one fsync.
--
-- Every key begins with `book` (an insurance pool, a city, a card operator): books are how it scales out.
-- Immutable by privilege, not by trigger: the node's role reads these tables and calls the functions below, nothing else.
-- READ COMMITTED is required: the dedupe is a statement after the locks, so it sees what the last lock holder committed.
-- Refusals that the state of the accounts caused are kept for ever; a caller's mistake is not.

CREATE SCHEMA ledger;

-- A book's number comes from its name alone, so no key of any table leaves `book` out and both nodes number alike.
CREATE FUNCTION ledger.number(p_name text) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || left(encode(sha256(convert_to(p_name, 'UTF8')), 'hex'), 8))::bit(32)::int & 2147483647;

-- An id made from another one: the expiry of a pending transfer has the same id whoever makes it, so there is only one.
CREATE FUNCTION ledger.derived(p_id uuid, p_what text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN overlay(overlay(left(encode(sha256(uuid_send(p_id) || convert_to(p_what, 'UTF8')), 'hex'), 32)
                       PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid;

CREATE TABLE ledger.book (
  book     int  PRIMARY KEY,
  name     text NOT NULL,                     -- "hrss/pension_transfer"
  expired  timestamptz NOT NULL DEFAULT '-infinity'  -- every pending transfer that ended well before this is resolved
);

CREATE TABLE ledger.account (
  book         int         NOT NULL,
  id           int         NOT NULL,          -- 1, 2, 3 … within its book
  name         text        NOT NULL CHECK (name <> ''),  -- "fund", "due_to/sichuan/hrss"
  unit         text        NOT NULL,          -- "CNY" (fen), "points", "items"
  balance      bigint      NOT NULL DEFAULT 0,  -- sum of signed entries: credit +, debit -
  pending_out  bigint      NOT NULL DEFAULT 0,  -- reserved by pending transfers that would debit it
  pending_in   bigint      NOT NULL DEFAULT 0,  -- … that would credit it
  floor        bigint,                        -- NULL = no limit; else balance - pending_out >= floor after every debit
  ceiling      bigint,                        -- NULL = no limit; else balance + pending_in <= ceiling after every credit
  seq          bigint      NOT NULL DEFAULT 0,  -- number of the account's last entry
  at           timestamptz NOT NULL DEFAULT '-infinity',  -- when it was last touched: never goes back
  closed       boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (book, id)
) WITH (fillfactor = 50);                     -- heap-only updates; nothing that changes is ever indexed
-- The condition excludes no row. It keeps the planner from reading a whole book by this index when it was told only the book:
-- who looks for a name says so too.
CREATE UNIQUE INDEX account_name ON ledger.account (book, name) WHERE name <> '';

CREATE TABLE ledger.window (
  book    int         NOT NULL,
  id      int         NOT NULL,               -- 1, 2, 3 … within its book; 0 = no window: what concerns this book alone
  name    text        NOT NULL,               -- "medical_settlement/2025-03/sichuan/nhsa"
  state   smallint    NOT NULL DEFAULT 0,     -- 0 open · 1 closing: only mirrors of what the peer has posted · 2 closed
  opened  timestamptz NOT NULL,
  closed  timestamptz,
  PRIMARY KEY (book, id),
  UNIQUE (book, name)
);

-- kind: 0 plain · 1 pending (reserves) · 2 post (all or part of a pending) · 3 void · 4 expire (a void made by the worker)
--       5 reversal (opposite of a plain or post, all or part) · 6 adjustment (undoes a one-sided transfer, all of it)
CREATE TABLE ledger.transfer (
  amount    bigint      NOT NULL CHECK (amount > 0),
  at        timestamptz NOT NULL,             -- taken while its accounts were locked
  expires   timestamptz,                      -- of a pending
  id        uuid        NOT NULL,             -- made by the client, version 7: this IS the idempotency key
  origin    uuid,                             -- what a kind above 1 posts, voids, reverses or adjusts
  book      int         NOT NULL,
  debit     int         NOT NULL,
  credit    int         NOT NULL,
  "window"  int         NOT NULL,             -- exactly one
  kind      smallint    NOT NULL,
  status    smallint    NOT NULL,             -- 0 posted; anything else: refused and kept
  mirror    boolean     NOT NULL,             -- the peer posted it first and this book follows
  code      text        NOT NULL,             -- business meaning: the posting's name
  PRIMARY KEY (book, id)
);
-- a pending resolves once, and a transfer is adjusted once
CREATE UNIQUE INDEX transfer_once ON ledger.transfer (book, origin) WHERE status = 0 AND kind IN (2, 3, 4, 6);
CREATE INDEX transfer_reversals ON ledger.transfer (book, origin) WHERE status = 0 AND kind = 5;
CREATE INDEX transfer_expires ON ledger.transfer (book, expires) WHERE status = 0 AND kind = 1 AND expires IS NOT NULL;
-- rows lie in the order of time, so a window's rows are found from its first and last moment at next to no cost
CREATE INDEX transfer_at ON ledger.transfer USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- `at` never decreases along an account, so (at, seq) is the order of seq, and any balance as of any moment is one index probe
CREATE TABLE ledger.entry (
  at        timestamptz NOT NULL,
  seq       bigint      NOT NULL,             -- gap-free per account: a missing or doubled entry is visible
  amount    bigint      NOT NULL,             -- signed
  after     bigint      NOT NULL,             -- balance after it
  transfer  uuid        NOT NULL,
  book      int         NOT NULL,
  account   int         NOT NULL,
  PRIMARY KEY (book, account, at, seq)
);

-- A short look is enough for the planner, and once for each doubling. As long as it lasts no old version of an account is pruned,
-- and the accounts, written by every batch, outgrow their pages.
ALTER TABLE ledger.transfer SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE ledger.entry SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE ledger.transfer
  ALTER amount SET STATISTICS 10, ALTER at SET STATISTICS 10, ALTER expires SET STATISTICS 10, ALTER id SET STATISTICS 10,
  ALTER origin SET STATISTICS 10, ALTER book SET STATISTICS 10, ALTER debit SET STATISTICS 10, ALTER credit SET STATISTICS 10,
  ALTER "window" SET STATISTICS 10, ALTER kind SET STATISTICS 10, ALTER status SET STATISTICS 10,
  ALTER mirror SET STATISTICS 10, ALTER code SET STATISTICS 10;
ALTER TABLE ledger.entry
  ALTER at SET STATISTICS 10, ALTER seq SET STATISTICS 10, ALTER amount SET STATISTICS 10, ALTER after SET STATISTICS 10,
  ALTER transfer SET STATISTICS 10, ALTER book SET STATISTICS 10, ALTER account SET STATISTICS 10;

-- Opens what is not there yet; asking again changes nothing. An account keeps the unit and limits it was opened with.
CREATE FUNCTION ledger.open(p_book text, p_names text[], p_units text[], p_floors bigint[], p_ceilings bigint[] DEFAULT '{}')
RETURNS TABLE (book int, id int, name text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE b int := ledger.number(p_book); known text;
BEGIN
  SELECT k.name INTO known FROM ledger.book k WHERE k.book = b;
  IF known IS NULL THEN
    INSERT INTO ledger.book (book, name) VALUES (b, p_book) ON CONFLICT DO NOTHING;
    SELECT k.name INTO known FROM ledger.book k WHERE k.book = b;
  END IF;
  IF known <> p_book THEN
    RAISE unique_violation USING MESSAGE = format('books %s and %s would share number %s: rename one', known, p_book, b);
  END IF;
  IF EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (
       SELECT FROM ledger.account a WHERE a.book = b AND a.name = n AND a.name <> '')) THEN
    IF EXISTS (SELECT FROM unnest(p_floors) f WHERE f > 0) OR EXISTS (SELECT FROM unnest(p_ceilings) c WHERE c < 0) THEN
      RAISE check_violation USING MESSAGE = 'ledger.open: nothing is on a new account, so floor <= 0 <= ceiling';
    END IF;
    PERFORM FROM ledger.book k WHERE k.book = b FOR NO KEY UPDATE;   -- one opener per book numbers its accounts
    INSERT INTO ledger.account (book, id, name, unit, floor, ceiling)
      SELECT b, coalesce((SELECT max(a.id) FROM ledger.account a WHERE a.book = b), 0) + row_number() OVER (ORDER BY u.o), u.n, u.un, u.f, u.c
        FROM unnest(p_names, p_units, p_floors, p_ceilings) WITH ORDINALITY u(n, un, f, c, o)
       WHERE u.n IS NOT NULL AND NOT EXISTS (
             SELECT FROM ledger.account a WHERE a.book = b AND a.name = u.n AND a.name <> '');
  END IF;
  RETURN QUERY SELECT a.book, a.id, a.name FROM ledger.account a WHERE a.book = b AND a.name = ANY (p_names) AND a.name <> '';
END $$;

-- Closes an account for good: it takes nothing any more. Not while something is reserved on it. Says whether it is closed.
CREATE FUNCTION ledger.close(p_book int, p_account int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM ledger.account WHERE book = p_book AND id = p_account FOR NO KEY UPDATE;
  UPDATE ledger.account SET closed = true WHERE book = p_book AND id = p_account AND pending_out = 0 AND pending_in = 0;
  RETURN FOUND;
END $$;

-- Opens a window, or finds it.
CREATE FUNCTION ledger.begin(p_book int, p_name text, OUT id int, OUT state smallint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  SELECT w.id, w.state INTO id, state FROM ledger.window w WHERE w.book = p_book AND w.name = p_name;
  IF NOT FOUND THEN
    PERFORM FROM ledger.book k WHERE k.book = p_book FOR NO KEY UPDATE;
    INSERT INTO ledger.window (book, id, name, opened)
      SELECT p_book, coalesce(max(w.id), 0) + 1, p_name, clock_timestamp() FROM ledger.window w WHERE w.book = p_book
      ON CONFLICT DO NOTHING;
    SELECT w.id, w.state INTO id, state FROM ledger.window w WHERE w.book = p_book AND w.name = p_name;
  END IF;
END $$;

-- Moves a window forward, never back: 1 closing, 2 closed. Waits for the batches that are being posted to it. Returns its state.
CREATE FUNCTION ledger.shut(p_book int, p_window int, p_state smallint) RETURNS smallint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE s smallint;
BEGIN
  SELECT w.state INTO s FROM ledger.window w WHERE w.book = p_book AND w.id = p_window FOR UPDATE;
  IF s < p_state AND p_state IN (1, 2) THEN
    UPDATE ledger.window SET state = p_state, closed = CASE WHEN p_state = 2 THEN clock_timestamp() END
     WHERE book = p_book AND id = p_window;
    s := p_state;
  END IF;
  RETURN s;
END $$;

-- Posts a batch to one window of one book. Answers one status per transfer, in order:
--   0 posted (also when the same transfer was posted before)
--   2 this id was used with other content · 3 unknown account · 4 both sides are one account · 7 amount not in 1 … 10^15
--   8 units differ · 11 what it refers to is not there · 12 … is of another kind, has other accounts or was refused
--   17 the window takes no more (an adjustment: nor the one it refers to) · 18 unknown window · 19 unknown kind, or a kind with what it can't have
--   kept, so that the same id gets the same answer for ever:
--   5 would break the floor · 6 closed account · 9 linked to one that was refused · 10 would break the ceiling
--   13 more than it refers to · 14 that was posted (or adjusted) already · 15 … voided already · 16 … has expired
-- `p_origin`: what kinds above 1 refer to. `p_chain`: 0 = alone; neighbours with the same number are posted all or none.
-- An id twice in one batch, or in two batches with different accounts at the same time, raises 23505: nothing was posted.
CREATE FUNCTION ledger.post(
  p_book int, p_window int, p_id uuid[], p_debit int[], p_credit int[], p_amount bigint[], p_code text[],
  p_kind smallint[] DEFAULT NULL, p_origin uuid[] DEFAULT NULL, p_expires timestamptz[] DEFAULT NULL,
  p_chain int[] DEFAULT NULL, p_mirror boolean DEFAULT false)
RETURNS smallint[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- One plan for ever: probes of an index for what the batch names and no more, however old the statistics are. Hence `= ANY`
-- beside the joins, and subqueries kept apart by OFFSET 0.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  n int := cardinality(p_id);
  kept CONSTANT smallint[] := '{0,5,6,9,10,13,14,15,16}';
  wrong smallint := 0;                         -- what is wrong with the window
  acc int[]; bal bigint[]; po bigint[]; pi bigint[]; flo bigint[]; cei bigint[]; sq bigint[]; cl boolean[]; un text[];
  tou boolean[];                               -- touched
  di int[]; ci int[]; st smallint[];           -- positions of debit and credit in acc; status, -1 = not seen before
  ds bigint[]; cs bigint[]; da bigint[]; ca bigint[];  -- the two entries of each transfer: seq and balance after
  slot int[]; ok smallint[]; od int[]; oc int[]; oa bigint[]; os smallint[]; ox timestamptz[]; ow int[];  -- its origin
  signed int[];                                -- windows of origins that are closed: what both nodes signed stays
  rk smallint[]; rs bigint[];                  -- by slot: the kind that resolved the origin, the sum reversed so far
  xs bigint[]; ys bigint[]; chains int[] := '{}'; first int; failed int := 0; last int;  -- chains
  refers boolean := false; linked boolean := false;
  moment timestamptz; d int; c int; a bigint; k smallint; s smallint; g int; x bigint; y bigint;
  touched int;
BEGIN
  IF n IS NULL OR n = 0 THEN RETURN '{}'; END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE feature_not_supported USING MESSAGE = 'ledger.post needs READ COMMITTED';
  END IF;
  p_kind := coalesce(p_kind, array_fill(0::smallint, ARRAY[n]));
  p_origin := coalesce(p_origin, array_fill(NULL::uuid, ARRAY[n]));
  p_expires := coalesce(p_expires, array_fill(NULL::timestamptz, ARRAY[n]));
  p_chain := coalesce(p_chain, array_fill(0, ARRAY[n]));
  IF array[cardinality(p_debit), cardinality(p_credit), cardinality(p_amount), cardinality(p_code), cardinality(p_kind),
           cardinality(p_origin), cardinality(p_expires), cardinality(p_chain)] <> array_fill(n, ARRAY[8]) THEN
    RAISE array_subscript_error USING MESSAGE = 'ledger.post: the arrays differ in length';
  END IF;
  IF num_nulls(array_position(p_id, NULL), array_position(p_debit, NULL), array_position(p_credit, NULL), array_position(p_amount, NULL),
               array_position(p_code, NULL), array_position(p_kind, NULL), array_position(p_chain, NULL)) < 7 THEN
    RAISE null_value_not_allowed USING MESSAGE = 'ledger.post: only origin and expires may be null';
  END IF;

  -- 1. Hold the window open, then lock every account of the batch in one global order: rows are locked as they leave the
  --    sort, and no id ever changes. NO KEY: it does not fight foreign-key share locks.
  IF p_window <> 0 THEN
    SELECT w.state, w.opened INTO s, moment FROM ledger.window w WHERE w.book = p_book AND w.id = p_window FOR SHARE;
    wrong := CASE WHEN s IS NULL THEN 18 WHEN s = 2 OR (s = 1 AND NOT p_mirror) THEN 17 ELSE 0 END;
  END IF;
  SELECT array_agg(l.id), array_agg(l.balance), array_agg(l.pending_out), array_agg(l.pending_in),
         array_agg(greatest(l.floor, -4000000000000000000)), array_agg(least(l.ceiling, 4000000000000000000)),  -- nothing overflows
         array_agg(l.seq), array_agg(l.closed), array_agg(l.unit), array_agg(false),
         greatest(clock_timestamp(), max(l.at), moment)   -- never before the window, nor before an account's last entry
    INTO acc, bal, po, pi, flo, cei, sq, cl, un, tou, moment
    FROM (SELECT * FROM ledger.account WHERE book = p_book AND id = ANY (p_debit || p_credit) ORDER BY id FOR NO KEY UPDATE) l;

  -- 2. A new statement, a new snapshot: it sees every transfer of whoever held those locks before us.
  SELECT array_agg(coalesce(pd.pos, 0) ORDER BY u.ord), array_agg(coalesce(pc.pos, 0) ORDER BY u.ord),
         array_agg((CASE WHEN t.id IS NULL THEN -1
                         WHEN (t.debit, t.credit, t.amount, t.code, t.kind) = (u.dr, u.cr, u.amt, u.code, u.kind)
                          AND t.origin IS NOT DISTINCT FROM u.origin AND t.expires IS NOT DISTINCT FROM u.expires THEN t.status + 100
                         ELSE 2 END)::smallint ORDER BY u.ord),
         bool_or(u.origin IS NOT NULL), bool_or(u.chain <> 0)
    INTO di, ci, st, refers, linked
    FROM unnest(p_id, p_debit, p_credit, p_amount, p_code, p_kind, p_origin, p_expires, p_chain)
         WITH ORDINALITY u(id, dr, cr, amt, code, kind, origin, expires, chain, ord)
    LEFT JOIN unnest(acc) WITH ORDINALITY pd(id, pos) ON pd.id = u.dr
    LEFT JOIN unnest(acc) WITH ORDINALITY pc(id, pos) ON pc.id = u.cr
    LEFT JOIN ledger.transfer t ON t.book = p_book AND t.id = ANY (p_id) AND t.id = u.id;
  IF refers THEN
    -- what it refers to, and what became of that; all that refer to the same share a slot
    SELECT array_agg(u.slot ORDER BY u.ord), array_agg(t.kind ORDER BY u.ord),
           array_agg(t.debit ORDER BY u.ord), array_agg(t.credit ORDER BY u.ord), array_agg(t.amount ORDER BY u.ord),
           array_agg(t.status ORDER BY u.ord), array_agg(t.expires ORDER BY u.ord), array_agg(t."window" ORDER BY u.ord),
           array_agg(r.kind ORDER BY u.ord), array_agg(coalesce(v.amount, 0) ORDER BY u.ord)
      INTO slot, ok, od, oc, oa, os, ox, ow, rk, rs
      FROM (SELECT q.origin, q.ord, min(q.ord) OVER o AS slot, bool_or(q.kind = 5) OVER o AS reversal
              FROM unnest(p_origin, p_kind) WITH ORDINALITY q(origin, kind, ord) WINDOW o AS (PARTITION BY q.origin)) u
      LEFT JOIN ledger.transfer t ON t.book = p_book AND t.id = ANY (p_origin) AND t.id = u.origin
      LEFT JOIN LATERAL (SELECT x.kind FROM ledger.transfer x WHERE x.book = p_book AND x.origin = u.origin
                          AND x.status = 0 AND x.kind IN (2, 3, 4, 6) OFFSET 0) r ON true
      LEFT JOIN LATERAL (SELECT sum(w.amount)::bigint AS amount FROM ledger.transfer w
                          WHERE u.reversal AND w.book = p_book AND w.origin = u.origin AND w.status = 0 AND w.kind = 5) v ON true;
    IF 6 = ANY (p_kind) THEN
      SELECT array_agg(w.id) FILTER (WHERE w.state = 2) INTO signed
        FROM (SELECT * FROM ledger.window x WHERE x.book = p_book AND x.id = ANY (ow) ORDER BY x.id FOR SHARE) w;
    END IF;
  END IF;

  -- 3. Exact, in order, in memory: a refusal in the middle does not disturb those after it.
  ds := array_fill(NULL::bigint, ARRAY[n]); cs := ds; da := ds; ca := ds;
  FOR i IN 1..n LOOP
    IF linked AND p_chain[i] <> 0 THEN
      IF i = 1 OR p_chain[i - 1] <> p_chain[i] THEN          -- a chain begins
        IF p_chain[i] = ANY (chains) THEN RAISE array_subscript_error USING MESSAGE = 'ledger.post: a chain is torn apart'; END IF;
        chains := chains || p_chain[i];
        first := i; failed := 0; last := i;
        WHILE last < n AND p_chain[last + 1] = p_chain[i] LOOP last := last + 1; END LOOP;
        FOR j IN first..last LOOP
          IF st[j] >= 0 THEN failed := -9;                   -- what has an answer keeps it, and nothing is added to it
          ELSIF p_amount[j] NOT BETWEEN 1 AND 1000000000000000 THEN st[j] := 7; failed := -9;
          END IF;
        END LOOP;
      END IF;
      IF failed <> 0 THEN
        IF st[i] < 0 THEN st[i] := failed; END IF;
        CONTINUE;
      END IF;
    END IF;
    IF st[i] >= 0 THEN CONTINUE; END IF;
    d := di[i]; c := ci[i]; a := p_amount[i]; k := p_kind[i]; s := 0; x := 0; y := 0;
    IF a NOT BETWEEN 1 AND 1000000000000000 THEN s := 7;
    ELSIF k NOT BETWEEN 0 AND 6 OR (k > 1) <> (p_origin[i] IS NOT NULL) OR (k <> 1 AND p_expires[i] IS NOT NULL) THEN s := 19;
    ELSIF d = 0 OR c = 0 THEN s := 3;
    ELSIF d = c THEN s := 4;
    ELSIF un[d] <> un[c] THEN s := 8;
    ELSIF wrong <> 0 THEN s := wrong;
    ELSE
      IF k > 1 THEN
        IF ok[i] IS NULL THEN                                -- one earlier in this batch?
          g := array_position(p_id, p_origin[i]);
          IF g < i AND st[g] = ANY (kept) THEN
            ok[i] := p_kind[g]; od[i] := p_debit[g]; oc[i] := p_credit[g]; oa[i] := p_amount[g]; os[i] := st[g]; ox[i] := p_expires[g];
          END IF;
        END IF;
        g := slot[i];
        IF ok[i] IS NULL THEN s := 11;
        ELSIF os[i] <> 0 THEN s := 12;
        ELSIF k <= 4 THEN                                    -- resolves a pending
          IF ok[i] <> 1 OR od[i] <> p_debit[i] OR oc[i] <> p_credit[i] OR (k > 2 AND a <> oa[i]) THEN s := 12;
          ELSIF rk[g] IS NOT NULL THEN s := 12 + rk[g];      -- 14, 15, 16
          ELSIF k = 2 AND ox[i] <= moment THEN s := 16;
          ELSIF k = 2 AND a > oa[i] THEN s := 13;
          ELSIF k = 4 AND (ox[i] IS NULL OR ox[i] > moment) THEN s := 12;
          ELSE
            rk[g] := k; y := - oa[i];
            IF k = 2 THEN x := a; END IF;
          END IF;
        ELSIF od[i] <> p_credit[i] OR (oc[i] <> p_debit[i] AND NOT p_mirror) THEN s := 12;
        ELSIF k = 5 THEN
          IF ok[i] NOT IN (0, 2) THEN s := 12;
          ELSIF rk[g] IS NOT NULL THEN s := 14;
          ELSIF rs[g] + a > oa[i] THEN s := 13;
          END IF;
        ELSIF ok[i] NOT IN (0, 2, 5) OR a <> oa[i] THEN s := 12;
        ELSIF rk[g] IS NOT NULL THEN s := 14;
        ELSIF ow[i] = ANY (signed) THEN s := 17;
        END IF;
      ELSIF k = 1 AND p_expires[i] <= moment THEN s := 16;
      END IF;
      IF s = 0 AND y = 0 THEN                                -- money that was not reserved before
        IF cl[d] OR cl[c] THEN s := 6;
        ELSIF bal[d] - po[d] - a < flo[d] THEN s := 5;
        ELSIF bal[c] + pi[c] + a > cei[c] THEN s := 10;
        ELSIF k = 1 THEN y := a;
        ELSE
          x := a;
          IF k = 5 THEN rs[g] := rs[g] + a; ELSIF k = 6 THEN rk[g] := 6; END IF;
        END IF;
      END IF;
    END IF;
    st[i] := s;
    IF s = 0 THEN
      IF y <> 0 THEN po[d] := po[d] + y; pi[c] := pi[c] + y; END IF;
      IF x <> 0 THEN
        bal[d] := bal[d] - x; sq[d] := sq[d] + 1; ds[i] := sq[d]; da[i] := bal[d];
        bal[c] := bal[c] + x; sq[c] := sq[c] + 1; cs[i] := sq[c]; ca[i] := bal[c];
      END IF;
      tou[d] := true; tou[c] := true;
      IF linked THEN xs[i] := x; ys[i] := y; END IF;
    ELSIF linked AND p_chain[i] <> 0 THEN                    -- undo the chain so far; the one that failed keeps its reason
      failed := CASE WHEN s = ANY (kept) THEN 9 ELSE -9 END;
      FOR j IN first..i - 1 LOOP
        d := di[j]; c := ci[j]; st[j] := failed;
        po[d] := po[d] - ys[j]; pi[c] := pi[c] - ys[j];
        IF xs[j] <> 0 THEN
          bal[d] := bal[d] + xs[j]; sq[d] := sq[d] - 1; ds[j] := NULL;
          bal[c] := bal[c] - xs[j]; sq[c] := sq[c] - 1;
        END IF;
        IF p_kind[j] = 5 THEN rs[slot[j]] := rs[slot[j]] - xs[j]; ELSIF p_kind[j] > 1 THEN rk[slot[j]] := NULL; END IF;
      END LOOP;
    END IF;
  END LOOP;

  -- 4. Three set-based writes.
  INSERT INTO ledger.transfer (book, id, debit, credit, amount, kind, code, "window", origin, status, mirror, at, expires)
    SELECT p_book, u.id, u.dr, u.cr, u.amt, u.kind, u.code, p_window, u.origin, u.s, p_mirror, moment, u.expires
      FROM unnest(p_id, p_debit, p_credit, p_amount, p_kind, p_code, p_origin, p_expires, st) u(id, dr, cr, amt, kind, code, origin, expires, s)
     WHERE u.s = ANY (kept);
  INSERT INTO ledger.entry (book, account, at, seq, transfer, amount, after)
    SELECT p_book, e.account, moment, e.seq, u.id, e.amount, e.after
      FROM unnest(p_id, p_debit, p_credit, p_amount, ds, cs, da, ca) u(id, dr, cr, amt, ds, cs, da, ca)
     CROSS JOIN LATERAL (VALUES (u.dr, u.ds, -u.amt, u.da), (u.cr, u.cs, u.amt, u.ca)) e(account, seq, amount, after)
     WHERE u.ds IS NOT NULL ORDER BY e.account, e.seq;  -- in the order of the index: a tenth less work in a large one
  UPDATE ledger.account x SET (balance, pending_out, pending_in, seq, at) =
         (SELECT bal[u.pos], po[u.pos], pi[u.pos], sq[u.pos], moment FROM (SELECT width_bucket(x.id, acc) AS pos OFFSET 0) u)
   WHERE x.book = p_book AND x.id = ANY (acc) AND tou[width_bucket(x.id, acc)];  -- acc is sorted: this is its position
  GET DIAGNOSTICS touched = ROW_COUNT;         -- belt and braces: every account we changed was really written
  IF touched <> cardinality(array_positions(tou, true)) THEN RAISE EXCEPTION 'ledger: lost update'; END IF;
  FOR i IN 1..n LOOP
    IF st[i] >= 100 THEN st[i] := st[i] - 100; ELSIF st[i] = -9 THEN st[i] := 9; END IF;
  END LOOP;
  RETURN st;
END $$;

-- Gives back what pending transfers of a book reserved beyond their time, at most `p_limit` of them. Returns how many.
-- The mark lies ten minutes back: longer than any transaction may take to commit a pending that it found still in time.
CREATE FUNCTION ledger.expire(p_book int, p_limit int DEFAULT 500) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moment timestamptz := clock_timestamp(); mark timestamptz; done smallint[];
  ids uuid[]; new uuid[]; dr int[]; cr int[]; amt bigint[]; codes text[]; m int;
BEGIN
  SELECT b.expired - interval '10 minutes' INTO mark FROM ledger.book b WHERE b.book = p_book;
  SELECT array_agg(t.id), array_agg(ledger.derived(t.id, 'expire')), array_agg(t.debit), array_agg(t.credit),
         array_agg(t.amount), array_agg(t.code), count(*)
    INTO ids, new, dr, cr, amt, codes, m
    FROM (SELECT p.* FROM ledger.transfer p
           WHERE p.book = p_book AND p.status = 0 AND p.kind = 1 AND p.expires > mark AND p.expires <= moment
             AND NOT EXISTS (SELECT FROM ledger.transfer r WHERE r.book = p_book AND r.origin = p.id AND r.status = 0
                                AND r.kind IN (2, 3, 4, 6))
           ORDER BY p.expires LIMIT p_limit) t;
  IF m > 0 THEN
    done := ledger.post(p_book, 0, new, dr, cr, amt, codes, array_fill(4::smallint, ARRAY[m]), ids);
  END IF;
  IF m < p_limit THEN
    UPDATE ledger.book SET expired = moment WHERE book = p_book AND expired < moment - interval '1 minute';
  END IF;
  RETURN coalesce(cardinality(array_positions(done, 0::smallint)), 0);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    GRANT USAGE ON SCHEMA ledger TO chuanyu_node;
    REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM chuanyu_node;
    GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO chuanyu_node;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO chuanyu_node;
  END IF;
END $$;
