-- Deploy convo_tenancy:mirror/double_writers to pg

\set ON_ERROR_STOP on
\set change mirror/double_writers
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.double_writes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    application_name text NOT NULL,
    role_name text NOT NULL,
    kind text NOT NULL,
    customer_id integer NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT double_writes_pkey PRIMARY KEY (id),
    CONSTRAINT double_writes_kind_check CHECK (kind IN ('bookings', 'no-shows', 'preference', 'stylist counts'))
);

COMMENT ON TABLE tenancy.double_writes IS
'Who wrote the same of a customer to the legacy side and to a profile, in one transaction: append-only, a row for each writer, '
'kind and five minutes. DELETE the rows once the writer is put right. tenancy.double_writers adds it up.';
COMMENT ON COLUMN tenancy.double_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.double_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.double_writes.role_name IS 'The role that wrote: that of SET ROLE, else the one that logged in.';
COMMENT ON COLUMN tenancy.double_writes.kind IS
'What it wrote twice: bookings (totals), no-shows, preference (the preferred stylist), stylist counts '
'(customer_stylist_preferences besides tenancy.record_booking, which writes them).';
COMMENT ON COLUMN tenancy.double_writes.customer_id IS 'The customer, as an example.';
COMMENT ON COLUMN tenancy.double_writes.written_at IS 'When the first such write in these five minutes was.';

CREATE OR REPLACE VIEW tenancy.double_writers (application_name, role_name, kind, writes, first_at, last_at, customer_id)
WITH (security_invoker = TRUE)
AS
SELECT
    w.application_name,
    w.role_name,
    w.kind,
    count(*),
    min(w.written_at),
    max(w.written_at),
    (array_agg(w.customer_id ORDER BY w.id DESC))[1]
FROM tenancy.double_writes AS w
GROUP BY
    w.application_name,
    w.role_name,
    w.kind;

COMMENT ON VIEW tenancy.double_writers IS
'Who writes both sides itself, beside the mirrors, so that each of its bookings counts twice. '
'Example: SELECT * FROM tenancy.double_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.double_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.double_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.double_writers.kind IS 'What it wrote twice: bookings, no-shows, preference, stylist counts.';
COMMENT ON COLUMN tenancy.double_writers.writes IS 'How often, at least: one in five minutes is counted.';
COMMENT ON COLUMN tenancy.double_writers.first_at IS 'When first.';
COMMENT ON COLUMN tenancy.double_writers.last_at IS 'When last, to five minutes.';
COMMENT ON COLUMN tenancy.double_writers.customer_id IS 'The last customer that was recorded.';

CREATE OR REPLACE FUNCTION tenancy.count_double_write(customer_id integer, kind text)
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    application CONSTANT text NOT NULL := current_setting('application_name');
    writer CONSTANT text NOT NULL := tenancy.caller();
    moment CONSTANT timestamptz NOT NULL := clock_timestamp();
BEGIN
    INSERT INTO tenancy.double_writes (application_name, role_name, kind, customer_id, written_at)
    SELECT
        application,
        writer,
        count_double_write.kind,
        count_double_write.customer_id,
        moment
    WHERE NOT EXISTS (
        SELECT
        FROM tenancy.double_writes AS d
        WHERE d.application_name = application
            AND d.role_name = writer
            AND d.kind = count_double_write.kind
            AND d.written_at > moment - interval '5 minutes'
            AND d.written_at <= moment
    );
    RETURN FOUND;
END;
$$;

COMMENT ON FUNCTION tenancy.count_double_write(integer, text) IS
'Records that both sides of a customer were written, unless this writer has a row of this kind of the last five minutes. True if '
'it did. Example: SELECT tenancy.count_double_write(42, ''bookings'')';

-- No SET clause, so that it is inlined: it runs with each mirrored write. A list is cut off at its beginning, so that a statement that
-- writes thousands builds no list of them all. What the client had put there hides nothing: notes are added to it.
CREATE OR REPLACE FUNCTION tenancy.note_write(side text, customer_id integer, kind text)
RETURNS boolean
LANGUAGE sql
VOLATILE
RETURN CASE
    WHEN set_config(
            'tenancy.written_' || side,
            right(concat(current_setting('tenancy.written_' || side, TRUE), ',', customer_id, ' ', kind, ','), 1000),
            TRUE
        ) IS NULL THEN NULL
    WHEN strpos(
            current_setting('tenancy.written_' || CASE side WHEN 'legacy' THEN 'profiles' ELSE 'legacy' END, TRUE),
            concat(',', customer_id, ' ', kind, ',')
        ) > 0 THEN tenancy.count_double_write(customer_id, kind)
    ELSE FALSE
END;

COMMENT ON FUNCTION tenancy.note_write(text, integer, text) IS
'Notes, until the end of the transaction or savepoint, that somebody wrote a value of this kind to one side (legacy or profiles) '
'of a customer, and records whoever wrote it to the other side as well. Example: SELECT tenancy.note_write(''legacy'', 42, '
'''bookings'')';

COMMIT;
