-- Deploy convo_tenancy:mirror/is_restricted to pg

\set ON_ERROR_STOP on
\set change mirror/is_restricted
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.is_restricted()
RETURNS boolean
LANGUAGE sql
STABLE
RETURN coalesce(
    pg_has_role(
        coalesce(nullif(current_setting('role'), 'none'), session_user)::name, to_regrole('convo_shop')::oid, 'USAGE'
    ),
    FALSE -- no such role, no members
)
AND NOT pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user)::name, current_user, 'USAGE');

COMMENT ON FUNCTION tenancy.is_restricted() IS
'For functions with their owner''s rights: whether who called is bound to one shop, as a member of convo_shop who is neither '
'the owner nor a superuser. SECURITY DEFINER changes current_user, and neither the session''s user nor the role that it set. '
'Example: IF tenancy.is_restricted() THEN PERFORM tenancy.check_access(42, 3); END IF';

COMMIT;
