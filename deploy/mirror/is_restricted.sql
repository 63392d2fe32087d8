-- Deploy convo_tenancy:mirror/is_restricted to pg

\set ON_ERROR_STOP on
\set change mirror/is_restricted
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.caller()
RETURNS name
LANGUAGE sql
STABLE
RETURN coalesce(nullif(current_setting('role'), 'none'), session_user)::name;

COMMENT ON FUNCTION tenancy.caller() IS
'The role that called a SECURITY DEFINER function: that of SET ROLE, else the login. SECURITY DEFINER changes current_user, but '
'neither of these. Example: SELECT tenancy.caller()';

CREATE OR REPLACE FUNCTION tenancy.is_restricted()
RETURNS boolean
LANGUAGE sql
STABLE
RETURN NOT pg_has_role(tenancy.caller(), current_user, 'USAGE')
AND (
    coalesce(pg_has_role(tenancy.caller(), to_regrole('convo_shop')::oid, 'USAGE'), FALSE) -- no such role, no members
    -- Who may not call calls by a function with somebody else's rights: whose, nobody can ask.
    OR NOT coalesce(
        has_function_privilege(
            tenancy.caller(), to_regprocedure('tenancy.customer_context(integer, integer)')::oid, 'EXECUTE'
        ) AND has_schema_privilege(tenancy.caller(), 'tenancy', 'USAGE'),
        FALSE
    )
);

COMMENT ON FUNCTION tenancy.is_restricted() IS
'Whether the caller of an SQL API function is bound to one shop: a member of convo_shop, or a role that may not call '
'tenancy.customer_context() itself. Owner and superusers are not. Example: IF tenancy.is_restricted() THEN PERFORM '
'tenancy.check_access(42, 3); END IF';

-- VOLATILE, as what it reads the sequence by: else it would not be inlined, and it runs with each mirrored row.
CREATE OR REPLACE FUNCTION tenancy.is_mirroring()
RETURNS boolean
LANGUAGE sql
VOLATILE
RETURN CASE current_setting('tenancy.mirroring', TRUE)
    WHEN coalesce(pg_sequence_last_value('tenancy.guard'::regclass), 0)::text THEN TRUE
    WHEN 'on' THEN pg_has_role(tenancy.caller(), current_user, 'USAGE')
    ELSE FALSE
END;

COMMENT ON FUNCTION tenancy.is_mirroring() IS
'For SECURITY DEFINER triggers: whether the write is a mirror''s own. It is if tenancy.mirroring holds the number of '
'tenancy.raise_guard(), or is on and the caller has the owner''s rights. Example: IF tenancy.is_mirroring() THEN RETURN NULL; '
'END IF';

COMMIT;
