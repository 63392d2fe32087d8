-- What it found, in its order.
SELECT
    c.name,
    c.status,
    c.detail
FROM jsonb_to_recordset(current_setting('tenancy.preconditions')::jsonb) AS c (name text, status text, detail text);
