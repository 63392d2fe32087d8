-- Who holds these customers, as far as pg_locks tells.
SELECT
    tenancy.describe_sessions(ARRAY( -- noqa: CP03
        SELECT DISTINCT l.pid
        FROM pg_locks AS l
        WHERE l.locktype = 'transactionid'
            AND l.granted
            AND l.transactionid IN (
                SELECT c.xmax
                FROM public.customers AS c
                WHERE c.id = ANY ($1) -- noqa: CP03,LT01,LT06
                UNION ALL
                SELECT s.xmax
                FROM public.customer_booking_stats AS s
                WHERE s.customer_id = ANY ($1) -- noqa: CP03,LT01,LT06
                UNION ALL
                SELECT p.xmax
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = ANY ($1) -- noqa: CP03,LT01,LT06
            )
    ));
