-- Deploy convo_tenancy:mirror/legacy_writers to pg

\set ON_ERROR_STOP on
\set change mirror/legacy_writers
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.legacy_writes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    application_name text NOT NULL,
    role_name text NOT NULL,
    shop_id integer,
    written_at timestamptz NOT NULL,
    CONSTRAINT legacy_writes_pkey PRIMARY KEY (id)
);

-- coalesce, since an index does not answer IS NOT DISTINCT FROM.
CREATE INDEX IF NOT EXISTS legacy_writes_writer_idx
ON tenancy.legacy_writes (application_name, role_name, coalesce(shop_id, 0), written_at);

COMMENT ON TABLE tenancy.legacy_writes IS
'Direct writes to the legacy side. Append-only, so that no writer waits for another: at most one row per writer and shop in '
'five minutes. DELETE old rows at any time. tenancy.legacy_writers_by_shop adds them up.';
COMMENT ON COLUMN tenancy.legacy_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.legacy_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.legacy_writes.role_name IS 'The role that wrote: that of SET ROLE, else the login.';
COMMENT ON COLUMN tenancy.legacy_writes.shop_id IS
'The shop of the write, as its mirror found (tenancy.attributed_shop); NULL if it has none.';
COMMENT ON COLUMN tenancy.legacy_writes.written_at IS 'When the first such write of these five minutes was.';

CREATE OR REPLACE VIEW tenancy.legacy_writers_by_shop (shop_id, application_name, role_name, writes, first_at, last_at)
WITH (security_invoker = TRUE)
AS
SELECT
    w.shop_id,
    w.application_name,
    w.role_name,
    count(*),
    min(w.written_at),
    max(w.written_at)
FROM tenancy.legacy_writes AS w
GROUP BY
    w.shop_id,
    w.application_name,
    w.role_name;

COMMENT ON VIEW tenancy.legacy_writers_by_shop IS
'Clients that still write to the legacy side directly, by shop. Once a shop has moved, its last_at stands still. Example: '
'SELECT * FROM tenancy.legacy_writers_by_shop ORDER BY shop_id, last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.shop_id IS 'The shop of the writes; NULL for writes without a shop.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.writes IS 'Recorded writes, at most one in five minutes: a lower bound.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.first_at IS 'When the first recorded write was.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.last_at IS 'When the last recorded write was, within five minutes.';

CREATE OR REPLACE VIEW tenancy.legacy_writers (application_name, role_name, writes, first_at, last_at)
WITH (security_invoker = TRUE)
AS
SELECT
    w.application_name,
    w.role_name,
    sum(w.writes)::bigint,
    min(w.first_at),
    max(w.last_at)
FROM tenancy.legacy_writers_by_shop AS w
GROUP BY
    w.application_name,
    w.role_name;

COMMENT ON VIEW tenancy.legacy_writers IS
'Clients that still write to the legacy side directly, over all shops, from their first write on. Example: SELECT * FROM '
'tenancy.legacy_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.writes IS 'Recorded writes, at most one per shop in five minutes: a lower bound.';
COMMENT ON COLUMN tenancy.legacy_writers.first_at IS 'When the first recorded write was.';
COMMENT ON COLUMN tenancy.legacy_writers.last_at IS 'When the last recorded write was, within five minutes.';

-- No SET clause, so that it is inlined: it runs with each mirrored write. Asked of the table: what a setting of the session says, the
-- writer may have put there.
CREATE OR REPLACE FUNCTION tenancy.counted_legacy_writes(shop_id integer, moment timestamptz)
RETURNS TABLE (id bigint)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT l.id
    FROM tenancy.legacy_writes AS l
    WHERE l.application_name = current_setting('application_name')
        AND l.role_name = tenancy.caller()
        AND coalesce(l.shop_id, 0) = coalesce(counted_legacy_writes.shop_id, 0)
        AND l.written_at > counted_legacy_writes.moment - interval '5 minutes'
        AND l.written_at <= counted_legacy_writes.moment;
END;

COMMENT ON FUNCTION tenancy.counted_legacy_writes(integer, timestamptz) IS
'The rows of tenancy.legacy_writes for this writer and shop (NULL: no shop) in the five minutes before this moment. Example: '
'SELECT * FROM tenancy.counted_legacy_writes(3, clock_timestamp())';

CREATE OR REPLACE FUNCTION tenancy.count_legacy_write(shop_id integer, moment timestamptz)
RETURNS boolean
LANGUAGE sql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)
    VALUES (current_setting('application_name'), tenancy.caller(), count_legacy_write.shop_id, count_legacy_write.moment)
    RETURNING TRUE;
END;

COMMENT ON FUNCTION tenancy.count_legacy_write(integer, timestamptz) IS
'Records a direct write to the legacy side for a shop (NULL: no shop) at this moment. Mirrors call it if '
'tenancy.counted_legacy_writes() finds none. Example: SELECT tenancy.count_legacy_write(3, clock_timestamp())';

COMMIT;
