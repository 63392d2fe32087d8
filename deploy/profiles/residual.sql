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
'The residual rule: a shop gets the customer''s total minus what the other shops hold, at least 0. If they hold too much, '
'tenancy.residual_cut() takes it from them. NULL for a NULL total. Example: tenancy.residual(10, 7) = 3';

CREATE OR REPLACE FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN least(own, greatest(excess - larger, 0));

COMMENT ON FUNCTION tenancy.residual_cut(bigint, bigint, bigint) IS
'The residual rule''s other half: how much a profile that holds own gives back. Profiles give in turn, the largest first, then '
'the lowest shop; those before it hold larger, and all together hold excess more than the total. Example: of 5, 3 and 2 with a '
'total of 4, tenancy.residual_cut(3, 5, 6) = 1';

CREATE OR REPLACE FUNCTION tenancy.share(amount bigint, own bigint, so_far bigint, every bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN amount * so_far / every - amount * (so_far - own) / every;

COMMENT ON FUNCTION tenancy.share(bigint, bigint, bigint, bigint) IS
'One party''s share of an amount, in whole numbers that add up to it. The party has own of every parts, and so_far of them '
'counting those before it. Example: of 100 cents for 1 and 2 bookings, tenancy.share(100, 2, 3, 3) = 67';

COMMIT;
