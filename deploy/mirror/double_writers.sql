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
'Transactions that wrote the same value of a customer to the legacy side and to a profile. Append-only: at most one row per '
'writer and kind in five minutes. DELETE the rows once the writer is corrected. tenancy.double_writers adds them up.';
COMMENT ON COLUMN tenancy.double_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.double_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.double_writes.role_name IS 'The role that wrote: that of SET ROLE, else the login.';
COMMENT ON COLUMN tenancy.double_writes.kind IS
'What it wrote twice: bookings (totals), no-shows, preference (the preferred stylist) or stylist counts (it wrote '
'customer_stylist_preferences and called tenancy.record_booking(), which writes them).';
COMMENT ON COLUMN tenancy.double_writes.customer_id IS 'One customer, as an example.';
COMMENT ON COLUMN tenancy.double_writes.written_at IS 'When the first such write of these five minutes was.';

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
'Clients that write both sides themselves though mirrors do, so each of their bookings counts twice. Example: SELECT * FROM '
'tenancy.double_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.double_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.double_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.double_writers.kind IS 'As in tenancy.double_writes.';
COMMENT ON COLUMN tenancy.double_writers.writes IS 'Recorded writes, at most one in five minutes: a lower bound.';
COMMENT ON COLUMN tenancy.double_writers.first_at IS 'When the first recorded write was.';
COMMENT ON COLUMN tenancy.double_writers.last_at IS 'When the last recorded write was, within five minutes.';
COMMENT ON COLUMN tenancy.double_writers.customer_id IS 'The customer recorded last.';

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
'Records that a transaction wrote both sides of a customer, unless this writer has a row of this kind in the last five minutes. '
'Returns true if it added one. Example: SELECT tenancy.count_double_write(42, ''bookings'')';

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
'Notes until the end of the transaction or savepoint that it wrote this kind of value to one side (legacy or profiles) of a '
'customer. If the other side has the same note, it records the writer. Example: SELECT tenancy.note_write(''legacy'', 42, '
'''bookings'')';

COMMIT;
