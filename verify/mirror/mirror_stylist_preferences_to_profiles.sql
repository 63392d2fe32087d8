-- Verify convo_tenancy:mirror/mirror_stylist_preferences_to_profiles on pg

\set ON_ERROR_STOP on
\set change mirror/mirror_stylist_preferences_to_profiles
\ir ../support/begin.sql

ROLLBACK;
