-- Deploy convo_tenancy:profiles/run_backfill to pg

\set ON_ERROR_STOP on
\set change profiles/run_backfill
\ir ../support/begin.sql
\if :is_done \quit \endif

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_backfill(batch_size integer DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    step pg_catalog.record;
    reported_detail pg_catalog.text;
BEGIN
    CALL tenancy.begin_batch();
    batch_size := coalesce(batch_size, (SELECT s.backfill_batch_size FROM tenancy.settings AS s));

    PERFORM tenancy.join_backfill();
    COMMIT;
    CALL tenancy.begin_batch();

    PERFORM tenancy.prepare_backfill();
    COMMIT;
    CALL tenancy.begin_batch();

    LOOP
        SELECT s.* INTO STRICT step FROM tenancy.backfill_step(batch_size) AS s;
        COMMIT; -- the batch, and its cursor with it
        CALL tenancy.begin_batch();
        EXIT WHEN step.state = 'finished';

        IF step.detail IS DISTINCT FROM reported_detail THEN
            reported_detail := step.detail;
            RAISE NOTICE 'backfill %', coalesce('waits: ' || step.detail, 'goes on');
        END IF;
        IF step.state = 'waiting' THEN
            PERFORM pg_catalog.pg_sleep(0.2);
        END IF;
    END LOOP;

    ANALYZE (SKIP_LOCKED) public.customer_shop_profiles; -- whoever works on it leaves statistics, too
    PERFORM tenancy.leave_backfill();
END;
$$;

COMMENT ON PROCEDURE tenancy.run_backfill(integer) IS
'Runs the whole backfill in batches that it commits: resumes an interrupted one, shares the work with other sessions, and ends '
'when every customer has profiles. To see how far it is: SELECT * FROM tenancy.backfill_progress in another session. Call it '
'outside a transaction. Example: CALL tenancy.run_backfill()';

COMMIT;
