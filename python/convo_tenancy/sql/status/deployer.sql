-- Why this role may not deploy or revert, as deploy/support/preconditions.sql has it; no row where it may. From the catalogs alone:
-- a role without USAGE on a schema may read this, too.
WITH legacy AS (
    SELECT
        pg_get_userbyid(t.relowner) AS owner_name,
        pg_has_role(current_user, t.relowner, 'USAGE') AS inherits_rights,
        -- Two rights of a member from PostgreSQL 16 on
        pg_has_role(
            current_user,
            t.relowner,
            CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
        ) AS may_take_role,
        has_database_privilege(current_user, current_database(), 'CREATE') AS may_create
    FROM pg_class AS t
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public'
        AND t.relname = 'customers'
),

refusal AS (
    SELECT
        CASE
            WHEN NOT l.inherits_rights
                THEN format(
                        'role %I is not the owner of the legacy tables and does not inherit its rights: run it as %I',
                        current_user, l.owner_name
                    )
            WHEN NOT l.may_take_role
                THEN format(
                        'role %I may not take the role of the owner of the legacy tables: GRANT %I TO %I WITH SET TRUE',
                        current_user, l.owner_name, current_user
                    )
            WHEN NOT l.may_create
                THEN format(
                        'role %I may not create schemas: GRANT CREATE ON DATABASE %I TO %I',
                        current_user, current_database(), current_user
                    )
        END AS detail
    FROM legacy AS l
)

SELECT r.detail
FROM refusal AS r
WHERE r.detail IS NOT NULL;
