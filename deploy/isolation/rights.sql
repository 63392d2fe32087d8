-- Deploy convo_tenancy:isolation/rights to pg

-- Gives the three roles what isolation/listed_rights lists, and nothing more. When this script runs again, on a restored database say,
-- it puts all rights back, and then fails for what keeps isolation from holding.

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
GRANT USAGE ON SCHEMA :"registry" TO convo_health;
GRANT SELECT ON :"registry".changes, :"registry".tags TO convo_health;
\endif
CALL tenancy.act_as_owner();
CALL tenancy.lock_to_read();
CALL tenancy.grant_rights();

COMMIT;

-- A script that includes this one has another concern than what roles are members of.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
CALL tenancy.pin_settings();
SELECT NOT EXISTS (SELECT FROM tenancy.open_changes() AS o WHERE o.is_own) AS is_alone \gset
\if :is_alone
CALL tenancy.lock_to_read();
CALL tenancy.check_isolation();
\endif

-- squawk-ignore transaction-nesting
COMMIT;
