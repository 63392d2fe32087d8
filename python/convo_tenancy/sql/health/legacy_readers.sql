-- Statements that clients sent and that read the legacy side, by role; those of tenancy itself are not meant. The schema
-- of pg_stat_statements is in search_path, which may be public: a polymorphic function needs its own schema here.
SELECT
    pg_get_userbyid(s.userid)::text AS role_name,
    count(*) AS statements,
    sum(s.calls)::bigint AS calls,
    (pg_catalog.array_agg(left(regexp_replace(s.query, '\s+', ' ', 'g'), 120) ORDER BY s.calls DESC, s.query))[1] AS example,
    (SELECT i.stats_reset FROM pg_stat_statements_info AS i) AS counted_since
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND s.toplevel
    AND s.query ~* '^(\s|/\*.*\*/|--[^\n]*\n)*(SELECT|WITH|TABLE|COPY|DECLARE)\M'
    AND (
        s.query ~* '\mcustomer_booking_stats\M'
        OR (
            s.query ~* '\mcustomers\M'
            AND s.query ~* '\m(preferred_stylist_id|average_spend_cents|no_show_count)\M'
        )
    )
    AND s.query !~* '\mtenancy\M'
GROUP BY s.userid
ORDER BY
    calls DESC,
    role_name;
