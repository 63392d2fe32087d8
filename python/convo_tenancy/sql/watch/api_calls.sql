-- How often statements of clients in this database counted a booking by the SQL API. The extension's schema is in search_path.
SELECT coalesce(sum(s.calls), 0)::bigint AS api_calls
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND s.query COLLATE pg_catalog."C" ~* '\mtenancy\.(confirm|record)_booking\s*\('
    AND s.query COLLATE pg_catalog."C" !~* '^\s*(alter|comment|create|drop|grant|revoke)\M';
