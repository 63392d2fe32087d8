-- Deploy convo_tenancy:profiles/backfill_step to pg

\set ON_ERROR_STOP on
\set change profiles/backfill_step
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.backfill_rest()
RETURNS text
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tenancy.backfill_ranges) THEN
        RAISE EXCEPTION 'the backfill is not prepared: SELECT tenancy.prepare_backfill()'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT EXISTS (SELECT FROM tenancy.backfill_sessions AS s WHERE s.pid <> pg_backend_pid()) THEN
        RETURN 'somebody holds rows of tenancy.backfill_ranges, and it tries again';
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_rest() IS
'Why no range is free; NULL if other sessions work on the rest. Fails (55000) if no backfill is prepared. Example: SELECT '
'tenancy.backfill_rest()';

CREATE OR REPLACE FUNCTION tenancy.backfill_step(
    batch_size integer,
    OUT state text,
    OUT detail text,
    OUT customers integer,
    OUT profiles integer
)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' -- it never waits for long while it holds locks
-- The next customers by index, whatever the statistics say of a table that grows.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    progress tenancy.backfill_progress;
    is_adoption boolean;
    claimed tenancy.backfill_ranges;
    wanted integer[];
    locked integer[];
    passed_over integer; -- the first of those who are being deleted
    end_reached boolean;
BEGIN
    IF batch_size IS NULL OR batch_size NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'batch_size is %, expected 1 to 100000', coalesce(batch_size::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    state := 'waiting';
    customers := 0;
    profiles := 0;

    detail := tenancy.backfill_hold();
    IF detail IS NOT NULL THEN
        RETURN;
    END IF;

    -- A crash may take back the last batches, and their cursor with them: no need to wait for the disk.
    PERFORM set_config('synchronous_commit', 'off', TRUE);

    BEGIN
        -- The lock is the claim, and goes with the transaction, however that ends. Some range is not at its end at any time.
        SELECT r.*
        INTO claimed
        FROM tenancy.backfill_ranges AS r
        WHERE r.next_id <= r.last_id
        ORDER BY r.first_id
        LIMIT 1
        FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            detail := tenancy.backfill_rest();
            RETURN;
        END IF;

        -- A new statement: until this range is through, the pass does not end, and what this says stays.
        SELECT b.*
        INTO STRICT progress
        FROM tenancy.backfill_progress AS b;
        IF progress.finished_at IS NOT NULL THEN
            state := 'finished';
            RETURN;
        END IF;
        is_adoption := EXISTS (SELECT FROM tenancy.adoption AS a WHERE NOT a.is_divided);

        IF is_adoption THEN
            -- Everybody, once: the cursors alone tell whose profiles are still those of the table that was taken over.
            wanted := ARRAY(
                SELECT c.id
                FROM public.customers AS c
                WHERE c.id BETWEEN claimed.next_id AND claimed.last_id
                ORDER BY c.id
                LIMIT batch_size
            );
        ELSE
            wanted := ARRAY(
                SELECT c.id
                FROM public.customers AS c
                WHERE c.id BETWEEN claimed.next_id AND claimed.last_id
                    AND NOT EXISTS (
                        SELECT
                        FROM public.customer_shop_profiles AS p
                        WHERE p.customer_id = c.id
                    )
                ORDER BY c.id
                LIMIT batch_size
            );
        END IF;
        end_reached := cardinality(wanted) < batch_size;

        -- A customer whose deletion is under way is passed over, not waited for: the transaction that
        -- deletes may come to want what this batch holds. The sweep comes back to them.
        locked := ARRAY(
            SELECT c.id
            FROM public.customers AS c
            WHERE c.id = ANY (wanted)
            ORDER BY c.id
            FOR KEY SHARE SKIP LOCKED
        );

        IF is_adoption AND locked <> wanted THEN
            -- No sweep comes back to them, so the batch ends before the first.
            passed_over := (SELECT min(w.id) FROM unnest(wanted) AS w (id) WHERE w.id <> ALL (locked));
            wanted := ARRAY(SELECT w.id FROM unnest(wanted) AS w (id) WHERE w.id <= passed_over ORDER BY w.id);
            locked := array_remove(wanted, passed_over);
            end_reached := FALSE;
        END IF;

        -- New statements, and so new snapshots: they see what those who had the locks committed.
        profiles := CASE WHEN is_adoption THEN tenancy.split_anew(locked, TRUE) ELSE tenancy.fill_profiles(locked) END;

        customers := cardinality(locked);
        state := CASE
            WHEN customers < cardinality(wanted) AND (progress.sweeping OR (is_adoption AND customers = 0)) THEN 'waiting'
            ELSE 'working'
        END;
        UPDATE tenancy.backfill_ranges AS r
        SET
            next_id = CASE
                WHEN passed_over IS NOT NULL THEN coalesce(locked[customers]::bigint + 1, r.next_id)
                WHEN state = 'waiting' THEN r.next_id
                WHEN end_reached THEN r.last_id::bigint + 1
                ELSE wanted[cardinality(wanted)]::bigint + 1
            END
        WHERE r.first_id = claimed.first_id;

        -- Everybody's last step, so that nobody waits for the row longer than a commit takes.
        UPDATE tenancy.backfill_progress AS b
        SET
            customers_done = b.customers_done + customers,
            profiles_written = b.profiles_written + profiles,
            updated_at = clock_timestamp();

        -- A new statement behind that lock: of two who are through their ranges, the second one ends the pass.
        IF NOT EXISTS (SELECT FROM tenancy.backfill_ranges AS r WHERE r.next_id <= r.last_id) THEN
            UPDATE tenancy.backfill_ranges AS r SET next_id = r.first_id;
            UPDATE tenancy.adoption AS a SET is_divided = TRUE WHERE is_adoption;
            UPDATE tenancy.backfill_progress AS b
            SET
                sweeping = TRUE,
                finished_at = CASE WHEN b.sweeping THEN clock_timestamp() END;
            state := CASE WHEN progress.sweeping THEN 'finished' ELSE 'working' END;
        END IF;
    EXCEPTION
        WHEN lock_not_available OR unique_violation OR foreign_key_violation THEN
            state := 'waiting';
            detail := format(
                '%s, and it tries again (%s)',
                CASE sqlstate
                    WHEN '55P03' THEN 'somebody holds a lock'
                    WHEN '23505' THEN 'somebody makes profiles of the same customers'
                    ELSE 'somebody deletes what the profiles refer to'
                END,
                concat_ws(': ', 'customers from ' || wanted[1]::text || ' on', tenancy.printable(sqlerrm))
            );
            customers := 0;
            profiles := 0;
            RETURN;
    END;

    IF state = 'waiting' THEN
        detail := format(
            '%s customers are being deleted by: %s',
            cardinality(wanted) - customers,
            coalesce(
                tenancy.describe_sessions(ARRAY(
                    SELECT l.pid
                    FROM public.customers AS c
                    JOIN pg_locks AS l
                        ON l.locktype = 'transactionid'
                        AND l.transactionid = c.xmax
                        AND l.granted
                    WHERE c.id = ANY (wanted)
                        AND c.id <> ALL (locked)
                )),
                'nobody any more'
            )
        );
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_step(integer) IS
'Runs one batch of the backfill and moves its cursor, in one transaction: gives profiles to the next customers without any, in '
'a range that no other session holds. After a table was taken over, the first pass divides every customer. state is working '
'(call again), waiting (call again after a pause; detail says why, NULL means other sessions) or finished. No wait is long. '
'Call tenancy.join_backfill() and tenancy.prepare_backfill() first. Example: SELECT * FROM tenancy.backfill_step(2000)';

COMMIT;
