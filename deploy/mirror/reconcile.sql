-- Deploy convo_tenancy:mirror/reconcile to pg

\set ON_ERROR_STOP on
\set change mirror/reconcile
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.catch_up_customer()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tenancy.repair(
        ARRAY[tenancy.lock_customer_of_booking(NEW.customer_phone, NEW.customer_email)], is_reconcile => TRUE
    );
    RETURN NEW;
EXCEPTION
    -- Somebody else is at it, or a stylist moves: the reconcile comes later.
    WHEN lock_not_available OR unique_violation OR foreign_key_violation THEN
        RETURN NEW;
END;
$$;

COMMENT ON FUNCTION tenancy.catch_up_customer() IS
'Trigger, only during the reconcile: mends the profiles of a booking''s customer before the booking is confirmed. So writes '
'from before the mirrors count for their own shops, not for the shop of this booking.';

CREATE OR REPLACE FUNCTION tenancy.reconcile_step(customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    repaired := (SELECT count(DISTINCT r.customer_id) FROM tenancy.repair(customer_ids, is_reconcile => TRUE) AS r);
    state := 'done';
EXCEPTION
    WHEN lock_not_available
        OR unique_violation
        OR foreign_key_violation
        OR serialization_failure
        OR deadlock_detected
    THEN
        state := 'waiting';
        detail := format(
            'customers from %s to %s: %s', customer_ids[1], customer_ids[cardinality(customer_ids)], tenancy.printable(sqlerrm)
        );
        repaired := 0;
END;
$$;

COMMENT ON FUNCTION tenancy.reconcile_step(integer[]) IS
'Runs one batch of the reconcile. state is done or waiting (another session locks one of these customers, see detail): call it '
'again later. Example: SELECT * FROM tenancy.reconcile_step(ARRAY[42])';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_reconcile(batch_size integer DEFAULT 50)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    drifted integer[];
    step pg_catalog.record;
    repaired bigint;
    waiting boolean;
    reported_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    IF (SELECT b.finished_at IS NULL FROM tenancy.backfill_progress AS b) THEN
        RAISE EXCEPTION 'the backfill is not complete: CALL tenancy.run_backfill(), then run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    LOOP
        drifted := ARRAY(
            SELECT d.customer_id FROM tenancy.drift AS d
            UNION
            SELECT i.customer_id FROM tenancy.inserted_statistics AS i
            ORDER BY 1
        );
        COMMIT; -- and let go of the snapshot
        CALL tenancy.begin_batch();
        CALL tenancy.lock_to_read();
        EXIT WHEN pg_catalog.cardinality(drifted) = 0;

        repaired := 0;
        waiting := FALSE;
        FOR batch_start IN 1 .. pg_catalog.cardinality(drifted) BY batch_size LOOP
            SELECT s.* INTO STRICT step FROM tenancy.reconcile_step(drifted[batch_start : batch_start + batch_size - 1]) AS s;
            COMMIT;
            CALL tenancy.begin_batch();
            CALL tenancy.lock_to_read();
            repaired := repaired + step.repaired;
            waiting := waiting OR step.state = 'waiting';

            IF step.state = 'waiting' OR pg_catalog.clock_timestamp() > reported_at + interval '10 seconds' THEN
                reported_at := pg_catalog.clock_timestamp();
                RAISE NOTICE 'reconcile: % of % customers looked at, % repaired%',
                    least(batch_start + batch_size - 1, pg_catalog.cardinality(drifted)), pg_catalog.cardinality(drifted), repaired,
                    coalesce('; returns later to ' || step.detail, '');
            END IF;
        END LOOP;

        IF repaired = 0 AND NOT waiting AND EXISTS (SELECT FROM tenancy.drift) THEN
            RAISE WARNING 'the legacy side itself is wrong for % customers: SELECT * FROM tenancy.drift',
                pg_catalog.cardinality(drifted);
            EXIT;
        END IF;
        batch_size := greatest(batch_size / 2, 1); -- whom somebody holds, more closely
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.run_reconcile(integer) IS
'Makes both sides agree in batches that it commits: catches up writes between backfill and mirrors, and statistics from a dump '
'(tenancy.inserted_statistics). If it is interrupted, run it again. Call it outside a transaction. Example: CALL '
'tenancy.run_reconcile()';

COMMIT;
