-- Revert convo_tenancy:migrate/rights from pg

\if :{?registry}
\else
    \set registry sqitch
\endif

BEGIN;

SELECT to_regnamespace(quote_ident(:'registry')) IS NOT NULL AS has_registry \gset
\if :has_registry
REVOKE SELECT ON :"registry".changes, :"registry".tags FROM convo_health;
REVOKE USAGE ON SCHEMA :"registry" FROM convo_health;
\endif

CALL tenancy.begin_change();

REVOKE ALL
ON ALL TABLES IN SCHEMA public, tenancy
FROM convo_shop, convo_back_office, convo_health;
REVOKE ALL
ON ALL SEQUENCES IN SCHEMA public
FROM convo_shop, convo_back_office;
REVOKE ALL
ON ALL ROUTINES IN SCHEMA tenancy
FROM convo_shop, convo_back_office;
REVOKE ALL
ON SCHEMA tenancy
FROM convo_shop, convo_back_office, convo_health;

COMMIT;
