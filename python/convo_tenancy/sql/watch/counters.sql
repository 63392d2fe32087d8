-- What the server has counted since its statistics were reset: bookings that were counted, for either side adds one to one
-- stylist's count, which no mirror writes; and rows that somebody wrote to the legacy side directly, for each makes its mirror look
-- once whether this writer is on record (tenancy.counted_legacy_writes). What was rolled back is in both. From the statistics alone,
-- so it costs the same however big the tables are.
SELECT
    pg_stat_get_tuples_inserted(c.counts) + pg_stat_get_tuples_updated(c.counts) AS counted,
    pg_stat_get_numscans(c.writes) + pg_stat_get_numscans(c.writers) AS legacy_rows
FROM (
    SELECT
        to_regclass('public.customer_stylist_preferences')::oid AS counts,
        to_regclass('tenancy.legacy_writes')::oid AS writes,
        to_regclass('tenancy.legacy_writes_writer_idx')::oid AS writers
) AS c;
