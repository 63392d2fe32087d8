-- Revert convo_tenancy:isolation/rights from pg

\set ON_ERROR_STOP on
\set change isolation/rights
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL ROLE NONE; -- Sqitch's registry belongs to who deployed first, not to the owner of the tables
SELECT
    s.registry,
    to_regclass(format('%I.changes', s.registry)) IS NOT NULL AS has_registry
FROM tenancy.settings AS s \gset
\if :has_registry
REVOKE SELECT ON :"registry".changes, :"registry".tags FROM convo_health;
REVOKE USAGE ON SCHEMA :"registry" FROM convo_health;
\endif
CALL tenancy.act_as_owner();


REVOKE ALL
ON ALL TABLES IN SCHEMA public, tenancy
FROM convo_shop, convo_back_office, convo_health;
REVOKE ALL
ON ALL SEQUENCES IN SCHEMA public
FROM convo_shop, convo_back_office;
REVOKE ALL
ON ALL ROUTINES IN SCHEMA tenancy
FROM convo_shop, convo_back_office, convo_health;
REVOKE ALL
ON SCHEMA tenancy
FROM convo_shop, convo_back_office, convo_health;

COMMIT;
