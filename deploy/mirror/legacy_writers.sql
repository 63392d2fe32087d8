-- Deploy convo_tenancy:mirror/legacy_writers to pg

\set ON_ERROR_STOP on
\set change mirror/legacy_writers
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.legacy_writes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    application_name text NOT NULL,
    role_name text NOT NULL,
    writes bigint NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT legacy_writes_pkey PRIMARY KEY (id)
);

CREATE INDEX IF NOT EXISTS legacy_writes_writer_idx
ON tenancy.legacy_writes (application_name, role_name, written_at);

COMMENT ON TABLE tenancy.legacy_writes IS
'Who wrote to the legacy side directly: append-only, at most one row per connection and five minutes, so that nobody waits for '
'anybody. DELETE from it at any time. tenancy.legacy_writers adds it up.';
COMMENT ON COLUMN tenancy.legacy_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.legacy_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.legacy_writes.role_name IS 'The role that wrote: that of SET ROLE, else the one that logged in.';
COMMENT ON COLUMN tenancy.legacy_writes.writes IS 'Rows that the connection wrote since its row before.';
COMMENT ON COLUMN tenancy.legacy_writes.written_at IS 'When the last of them was written.';

CREATE OR REPLACE VIEW tenancy.legacy_writers (application_name, role_name, writes, first_at, last_at)
WITH (security_invoker = TRUE)
AS
SELECT
    w.application_name,
    w.role_name,
    sum(w.writes)::bigint,
    min(w.written_at),
    max(w.written_at)
FROM tenancy.legacy_writes AS w
GROUP BY
    w.application_name,
    w.role_name;

COMMENT ON VIEW tenancy.legacy_writers IS
'Who still writes to the legacy side directly. A writer is here from the first write on; what a connection wrote in the last five '
'minutes, or before it ended, may not be counted. Example: SELECT * FROM tenancy.legacy_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.writes IS 'Rows written, at least.';
COMMENT ON COLUMN tenancy.legacy_writers.first_at IS 'When the first was written.';
COMMENT ON COLUMN tenancy.legacy_writers.last_at IS 'When the last was written, to five minutes.';

CREATE OR REPLACE FUNCTION tenancy.count_legacy_write()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    writer CONSTANT text := current_setting('role') || ' ' || current_setting('application_name');
    period CONSTANT text := date_part('epoch', now())::bigint / 300; -- five minutes
    is_known CONSTANT boolean := coalesce(current_setting('tenancy.legacy_writer', TRUE) = writer, FALSE);
    pending text := '0'; -- what this connection wrote and did not write down
BEGIN
    IF is_known THEN
        pending := current_setting('tenancy.legacy_writes');
    END IF;

    IF NOT is_known OR current_setting('tenancy.legacy_period') <> period THEN
        -- A new connection writes only if nobody of its kind did lately: applications that connect for each
        -- request must not fill the table.
        INSERT INTO tenancy.legacy_writes (application_name, role_name, writes, written_at)
        SELECT
            w.application_name,
            w.role_name,
            pending::bigint + 1,
            now()
        FROM (
            SELECT
                current_setting('application_name') AS application_name,
                coalesce(nullif(current_setting('role'), 'none'), session_user) AS role_name
        ) AS w
        WHERE is_known
            OR NOT EXISTS (
                SELECT
                FROM tenancy.legacy_writes AS l
                WHERE l.application_name = w.application_name
                    AND l.role_name = w.role_name
                    AND l.written_at > now() - interval '5 minutes'
            );
        IF FOUND THEN
            pending := '-1';
        END IF;
        PERFORM
            set_config('tenancy.legacy_writer', writer, FALSE),
            set_config('tenancy.legacy_period', period, FALSE);
    END IF;

    pending := set_config('tenancy.legacy_writes', (pending::bigint + 1)::text, FALSE);
END;
$$;

COMMENT ON FUNCTION tenancy.count_legacy_write() IS
'Counts a direct write to the legacy side, in settings of the session, which an abort takes back, too; writes the count down every '
'five minutes. Example: SELECT tenancy.count_legacy_write()';

COMMIT;
