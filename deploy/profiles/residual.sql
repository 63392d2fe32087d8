-- Deploy convo_tenancy:profiles/residual to pg

\set ON_ERROR_STOP on
\set change profiles/residual
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that all are inlined: they are called once a profile.
CREATE OR REPLACE FUNCTION tenancy.residual(total bigint, others bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN total < others THEN 0 ELSE total - others END;

COMMENT ON FUNCTION tenancy.residual(bigint, bigint) IS
'The residual rule: what a shop gets of a customer''s total when the other shops hold the rest. Never below zero: what the others '
'hold too much, tenancy.residual_cut() takes from them. NULL for a total that is NULL. Example: tenancy.residual(10, 7) = 3';

CREATE OR REPLACE FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN least(own, greatest(excess - larger, 0));

COMMENT ON FUNCTION tenancy.residual_cut(bigint, bigint, bigint) IS
'The residual rule, other side: what is taken from a profile that holds own, when the profiles cut before it (largest first, '
'then lowest shop) hold larger, and all of them together hold excess more than the customer''s total. '
'Example: of 5, 3 and 2 with a total of 4, tenancy.residual_cut(3, 5, 6) = 1';

CREATE OR REPLACE FUNCTION tenancy.share(amount bigint, own bigint, so_far bigint, every bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN amount * so_far / every - amount * (so_far - own) / every;

COMMENT ON FUNCTION tenancy.share(bigint, bigint, bigint, bigint) IS
'What one of several gets of an amount that they share: it has own of every part, and with those before it so_far. In whole '
'numbers that add up to the amount. Example: of 100 cents for 1 and 2 bookings, tenancy.share(100, 2, 3, 3) = 67';

COMMIT;
