-- The one way into the message log. The node's role may read exchange_log and call this; it cannot insert, change or
-- delete a row. One call = the rows of many concurrent messages = one commit.
--
-- p_first is the index the caller has counted on for its first row: a receipt carries its own index and is signed before
-- it is stored, so the caller must know it. When another writer was faster nothing is stored and the caller counts anew.
-- Answers are remembered by message id. Is one of them there already, nothing is stored either and `known` lists it.
CREATE FUNCTION exchange_append(
  p_first bigint,
  p_at timestamptz[], p_direction text[], p_message uuid[], p_peer text[], p_from_agency text[], p_to_agency text[],
  p_service text[], p_action text[], p_purpose text[], p_basis text[], p_fields text[], p_subject text[], p_digest text[],
  p_signature text[], p_key_id text[], p_status smallint[], p_code text[], p_leaf bytea[],
  p_answer_id uuid[], p_answer_digest text[], p_answer_status smallint[], p_answer_body bytea[],
  p_inbox_id uuid[], p_inbox_stream text[], p_inbox_envelope bytea[],
  OUT next bigint, OUT known uuid[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- one writer at a time until the commit, so that indexes have no gap even when a writer dies half-way;
  -- not a table lock: that would make autovacuum wait, or be cancelled, for ever
  PERFORM pg_advisory_xact_lock(hashtextextended('chuanyu exchange log', 0));
  SELECT coalesce(max(idx) + 1, 0) INTO next FROM public.exchange_log;
  SELECT coalesce(array_agg(id), '{}') INTO known FROM public.exchange_answer WHERE id = ANY (p_answer_id);
  IF next <> p_first OR known <> '{}' THEN
    RETURN;
  END IF;

  INSERT INTO public.exchange_log (idx, at, direction, message, peer, from_agency, to_agency, service, action, purpose,
                                   basis, fields, subject, digest, signature, key_id, status, code, leaf)
  SELECT p_first + n - 1, at, direction, message, peer, from_agency, to_agency, service, action, purpose,
         basis::jsonb, fields::jsonb, subject, digest, signature, key_id, status, code, leaf
    FROM unnest(p_at, p_direction, p_message, p_peer, p_from_agency, p_to_agency, p_service, p_action, p_purpose,
                p_basis, p_fields, p_subject, p_digest, p_signature, p_key_id, p_status, p_code, p_leaf)
         WITH ORDINALITY AS row (at, direction, message, peer, from_agency, to_agency, service, action, purpose,
                basis, fields, subject, digest, signature, key_id, status, code, leaf, n);
  next := p_first + cardinality(p_leaf);

  IF cardinality(p_answer_id) > 0 THEN
    INSERT INTO public.exchange_answer (id, digest, status, body)
    SELECT * FROM unnest(p_answer_id, p_answer_digest, p_answer_status, p_answer_body);
  END IF;

  IF cardinality(p_inbox_id) > 0 THEN
    INSERT INTO public.exchange_inbox (id, stream, envelope)
    SELECT * FROM unnest(p_inbox_id, p_inbox_stream, p_inbox_envelope)
    ON CONFLICT (id) DO NOTHING;
    PERFORM pg_notify('chuanyu_inbox', '');
  END IF;
END $$;

REVOKE ALL ON FUNCTION exchange_append FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    REVOKE ALL ON TABLE exchange_log FROM chuanyu_node;
    GRANT SELECT ON TABLE exchange_log TO chuanyu_node;
    GRANT EXECUTE ON FUNCTION exchange_append TO chuanyu_node;
  END IF;
END $$;
