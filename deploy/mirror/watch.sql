-- Deploy convo_tenancy:mirror/watch to pg

\set ON_ERROR_STOP on
\set change mirror/watch
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'tenancy.legacy_writes');

CREATE TABLE IF NOT EXISTS tenancy.mirror_watch (
    singleton boolean NOT NULL DEFAULT TRUE,
    since timestamptz NOT NULL,
    marks jsonb NOT NULL,
    CONSTRAINT mirror_watch_pkey PRIMARY KEY (singleton),
    CONSTRAINT mirror_watch_singleton_check CHECK (singleton)
);

COMMENT ON TABLE tenancy.mirror_watch IS
'Since when the mirrors record writers of the legacy side: one row, none without mirrors. tenancy.watch tells whether there was '
'a gap.';
COMMENT ON COLUMN tenancy.mirror_watch.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.mirror_watch.since IS 'When the watch began.';
COMMENT ON COLUMN tenancy.mirror_watch.marks IS 'tenancy.mirror_marks when the watch began.';

CREATE OR REPLACE VIEW tenancy.mirror_marks (name, mark)
WITH (security_invoker = TRUE)
AS
WITH watching AS (
    SELECT
        p.oid,
        p.xmin,
        p.proname
    FROM pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.proname IN (
            'count_legacy_write',
            'counted_legacy_writes',
            'is_mirroring',
            'keep_watch',
            'mirror_customers_to_profiles',
            'mirror_profiles_to_legacy',
            'mirror_statistics_to_profiles',
            'mirror_stylist_preferences_to_profiles',
            'note_confirmed_booking',
            'refuse_truncate'
        )
)

SELECT
    concat('function tenancy.', w.proname, '()'),
    concat_ws(' ', w.oid, w.xmin)
FROM watching AS w
UNION ALL
SELECT
    concat('trigger ', t.tgname, ' on ', n.nspname, '.', c.relname),
    concat_ws(' ', t.oid, t.xmin)
FROM pg_trigger AS t
JOIN watching AS w ON w.oid = t.tgfoid
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace;

COMMENT ON VIEW tenancy.mirror_marks IS
'The mirrors and the functions that record writers, each with a mark that changes with every alteration.';
COMMENT ON COLUMN tenancy.mirror_marks.name IS 'The trigger or function.';
COMMENT ON COLUMN tenancy.mirror_marks.mark IS
'oid and xmin of its catalog row. DROP and CREATE change the oid; ENABLE, ALTER and REPLACE change the xmin.';

CREATE OR REPLACE VIEW tenancy.watch (since, gap)
WITH (security_invoker = TRUE)
AS
SELECT
    w.since,
    g.gap
FROM (VALUES (TRUE)) AS always (singleton)
LEFT JOIN tenancy.mirror_watch AS w ON w.singleton = always.singleton
CROSS JOIN LATERAL (
    SELECT min(coalesce(n.name, b.key)) || CASE WHEN count(*) > 1 THEN format(' and %s more', count(*) - 1) ELSE '' END AS gap
    FROM jsonb_each_text(w.marks) AS b
    FULL JOIN tenancy.mirror_marks AS n ON n.name = b.key
    WHERE n.mark IS DISTINCT FROM b.value
        AND w.since IS NOT NULL
) AS g;

COMMENT ON VIEW tenancy.watch IS
'Whether the mirrors have recorded all writers of the legacy side: one row. Example: SELECT * FROM tenancy.watch';
COMMENT ON COLUMN tenancy.watch.since IS 'When the watch began; NULL without a watch.';
COMMENT ON COLUMN tenancy.watch.gap IS
'Triggers and functions dropped, disabled or replaced since, or restored from a dump (the first name, and how many more): '
'nobody knows who wrote meanwhile. NULL without a gap.';

CREATE OR REPLACE PROCEDURE tenancy.restart_watch()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO tenancy.mirror_watch AS w (since, marks)
    SELECT
        clock_timestamp(),
        coalesce(jsonb_object_agg(m.name, m.mark), '{}')
    FROM tenancy.mirror_marks AS m
    ON CONFLICT (singleton) DO UPDATE
    SET
        since = excluded.since,
        marks = excluded.marks;
END;
$$;

COMMENT ON PROCEDURE tenancy.restart_watch() IS
'Starts the watch now: when mirrors are attached, or by you after a gap. Example: CALL tenancy.restart_watch()';

CREATE OR REPLACE FUNCTION tenancy.keep_watch()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known_since timestamptz := clock_timestamp();
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        IF TG_OP = 'UPDATE'
            AND (NEW.application_name, NEW.role_name, NEW.shop_id)
            IS NOT DISTINCT FROM (OLD.application_name, OLD.role_name, OLD.shop_id)
            AND NEW.written_at >= OLD.written_at
        THEN
            RETURN NULL;
        END IF;
        known_since := least(known_since, OLD.written_at + interval '5 minutes'); -- what the row stood for
    END IF;

    UPDATE tenancy.mirror_watch AS w
    SET since = known_since
    WHERE w.since < known_since;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.keep_watch() IS
'Trigger: moves the start of the watch past the deleted or changed rows, as earlier writers are no longer known.';

CREATE OR REPLACE TRIGGER keep_watch
AFTER UPDATE OR DELETE ON tenancy.legacy_writes
FOR EACH ROW
EXECUTE FUNCTION tenancy.keep_watch();

CREATE OR REPLACE TRIGGER keep_watch_at_truncate
AFTER TRUNCATE ON tenancy.legacy_writes
FOR EACH STATEMENT
EXECUTE FUNCTION tenancy.keep_watch();

COMMENT ON TRIGGER keep_watch ON tenancy.legacy_writes IS 'Moves the start of the watch past deleted or changed rows.';
COMMENT ON TRIGGER keep_watch_at_truncate ON tenancy.legacy_writes IS 'Restarts the watch at TRUNCATE.';

COMMIT;
