-- What the time of tenancy.drift is measured by: the totals of both sides beside each other.
SELECT count(*)
FROM public.customer_booking_stats AS s
FULL JOIN (
    SELECT
        customer_id,
        sum(total_bookings) AS b,
        sum(total_spend_cents) AS c
    FROM public.customer_shop_profiles
    GROUP BY 1
) AS p USING (customer_id) -- noqa: ST07
WHERE (s.total_bookings, s.total_spend_cents) IS DISTINCT FROM (p.b, p.c);
