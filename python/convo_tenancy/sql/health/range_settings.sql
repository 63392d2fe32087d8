-- For one range, up to the end of the transaction: what the statement may take ($1; NULL for as long as any), and whether whole tables
-- may be read for it ($2).
SELECT
    set_config('statement_timeout', coalesce($1, current_setting('statement_timeout')), TRUE),
    set_config('enable_seqscan', $2, TRUE),
    set_config('enable_hashjoin', $2, TRUE),
    set_config('enable_mergejoin', $2, TRUE);
