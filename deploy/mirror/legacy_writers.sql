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
'Who wrote to the legacy side directly: append-only, a row for each writer, shop and five minutes, so that nobody waits for '
'anybody. DELETE old rows at any time. tenancy.legacy_writers_by_shop adds it up.';
COMMENT ON COLUMN tenancy.legacy_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.legacy_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.legacy_writes.role_name IS 'The role that wrote: that of SET ROLE, else the one that logged in.';
COMMENT ON COLUMN tenancy.legacy_writes.shop_id IS
'The shop that the write belonged to, as its mirror found (tenancy.attributed_shop); NULL for one that belonged to none.';
COMMENT ON COLUMN tenancy.legacy_writes.written_at IS 'When the first write in these five minutes was.';

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
'Who still writes to the legacy side directly, for which shop. A shop that moved is the one whose last_at stays where it is. '
'Example: SELECT * FROM tenancy.legacy_writers_by_shop ORDER BY shop_id, last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.shop_id IS 'The shop that the writes belonged to; NULL for those of no shop.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.writes IS 'Rows written, at least: one in five minutes is counted.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.first_at IS 'When the first was written.';
COMMENT ON COLUMN tenancy.legacy_writers_by_shop.last_at IS 'When the last was written, to five minutes.';

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
'Who still writes to the legacy side directly, for any shop. A writer is here from the first write on. '
'Example: SELECT * FROM tenancy.legacy_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.writes IS 'Rows written, at least: one in five minutes and shop is counted.';
COMMENT ON COLUMN tenancy.legacy_writers.first_at IS 'When the first was written.';
COMMENT ON COLUMN tenancy.legacy_writers.last_at IS 'When the last was written, to five minutes.';

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
'What is recorded of this writer and this shop, or none (NULL), in the five minutes before this moment. '
'Example: SELECT * FROM tenancy.counted_legacy_writes(3, clock_timestamp())';

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
'Records a direct write to the legacy side for a shop, or for none (NULL), at this moment. Mirrors call it where '
'tenancy.counted_legacy_writes() has none. Example: SELECT tenancy.count_legacy_write(3, clock_timestamp())';

COMMIT;
