-- Deploy convo_tenancy:isolation/listed_rights to pg

-- What the three roles may do, and nothing more: the one list. What is not in it, nobody of them has.

\set ON_ERROR_STOP on
\set change isolation/listed_rights
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Of tables columns, so that a system column (xmin) and what the application adds later stay closed. For a shop no right on the legacy
-- side: not on customer_booking_stats, not on the columns of customers that go, and none to write the counts of stylists. No id that a
-- sequence gives is written, no sequence read, and no time of customers: they tell what other shops do. Bookings bring ids of their
-- own, which are random. Profiles and service preferences are written by the SQL API alone: whoever could insert a profile, or move
-- one to another customer, would see who that is. Nobody reads a PIN.
CREATE OR REPLACE VIEW tenancy.listed_rights (
    position, kind, objects, columns, convo_shop, convo_back_office, convo_health, is_legacy
)
WITH (security_invoker = TRUE)
AS
SELECT
    row_number() OVER () AS position,
    l.*
FROM (
    SELECT
        s.*,
        FALSE AS is_legacy
    FROM (
        VALUES
        ('TABLE', 'public.bookings', NULL, 'DELETE', 'DELETE', NULL),
        ('TABLE', 'public.bookings', 'created_at, id, shop_id', 'INSERT, SELECT', 'INSERT, SELECT', NULL),
        (
            'TABLE',
            'public.bookings',
            'acknowledged_at_utc, appointment_status, appointment_status_updated_at_utc, customer_email, customer_name, '
            'customer_phone, discount_cents, end_at_utc, hold_expires_at_utc, internal_notes, preferred_style_image_url, '
            'preferred_style_text, promo_id, secondary_service_id, service_id, sms_sent_at_utc, start_at_utc, status, '
            'stylist_id, updated_at',
            'INSERT, SELECT, UPDATE', 'INSERT, SELECT, UPDATE', NULL
        ),
        ('TABLE', 'public.customers', 'id', 'SELECT', 'SELECT', 'SELECT'),
        ('TABLE', 'public.customers', 'email, name, phone', 'SELECT', 'SELECT', NULL),
        ('TABLE', 'public.customers', 'created_at, updated_at', NULL, 'SELECT', NULL),
        (
            'TABLE',
            'public.customer_shop_profiles',
            'customer_id, last_booking_at, no_show_count, preferred_stylist_id, shop_id, total_bookings, '
            'total_spend_cents',
            'SELECT', 'SELECT', 'SELECT'
        ),
        ('TABLE', 'public.customer_shop_profiles', 'created_at, id, updated_at', 'SELECT', 'SELECT', NULL),
        ('TABLE', 'public.customer_stylist_preferences', 'booking_count, customer_id, stylist_id', 'SELECT', 'SELECT', 'SELECT'),
        ('TABLE', 'public.customer_stylist_preferences', 'created_at, updated_at', 'SELECT', 'SELECT', NULL),
        (
            'TABLE',
            'public.customer_service_preferences',
            'customer_id, preferred_style_image_url, preferred_style_text, service_id, updated_at_utc',
            'SELECT', 'SELECT', NULL
        ),
        ('TABLE', 'public.stylists', 'id, shop_id', 'SELECT', 'SELECT', 'SELECT'),
        ('TABLE', 'public.stylists', 'active, created_at, name, work_end, work_start', 'SELECT', 'SELECT', NULL),
        ('TABLE', 'public.services', 'id, price_cents', 'SELECT', 'SELECT', 'SELECT'),
        ('TABLE', 'public.services', 'created_at, duration_minutes, name, shop_id', 'SELECT', 'SELECT', NULL),
        ('TABLE', 'public.shops', 'id', NULL, 'SELECT', 'SELECT'),
        ('TABLE', 'public.shops', 'created_at, name', NULL, 'SELECT', NULL),
        ('SCHEMA', 'tenancy', NULL, 'USAGE', 'USAGE', 'USAGE'),
        (
            'ROUTINE',
            'tenancy.confirm_booking, tenancy.customer_by_email, tenancy.customer_by_phone, tenancy.customer_context, '
            'tenancy.customers_by_preferred_stylist, tenancy.get_or_create_customer, tenancy.normalized_email, '
            'tenancy.normalized_phone, tenancy.record_booking, tenancy.record_no_show, tenancy.set_preferred_stylist, '
            'tenancy.set_service_preference, tenancy.shop_context',
            NULL,
            'EXECUTE', 'EXECUTE', NULL
        ),
        ('TABLE', 'tenancy.customer_totals', NULL, NULL, 'SELECT', NULL),
        (
            'TABLE',
            'tenancy.backfill_progress, tenancy.backfill_sessions, tenancy.backfill_workers, tenancy.changes, '
            'tenancy.contracted, tenancy.customer_bookings, tenancy.deployed_parts, tenancy.double_writers, '
            'tenancy.double_writes, tenancy.evidence, tenancy.given_rights, tenancy.held_keys, tenancy.introducers, '
            'tenancy.introductions, tenancy.isolated_tables, tenancy.isolation, tenancy.isolation_faults, '
            'tenancy.isolation_findings, tenancy.isolation_relations, tenancy.isolation_risks, tenancy.legacy_writers, '
            'tenancy.legacy_writers_by_shop, tenancy.legacy_writes, tenancy.listed_rights, tenancy.mirror_marks, '
            'tenancy.mirror_watch, tenancy.moved_stylists, tenancy.part_problems, tenancy.parts, tenancy.right_differences, '
            'tenancy.role_members, tenancy.settings, tenancy.shop_check, tenancy.shop_counts, tenancy.tracking, tenancy.watch, '
            'tenancy.written_tables',
            NULL,
            NULL, NULL, 'SELECT'
        ),
        (
            'ROUTINE',
            'tenancy.command_for, tenancy.has_legacy_side, tenancy.is_registered, tenancy.legacy_readers, '
            'tenancy.names_legacy_side, tenancy.open_changes, tenancy.part_definition, tenancy.printable, '
            'tenancy.statements_relation, tenancy.unseen_readers, tenancy.without_literals',
            NULL,
            NULL, NULL, 'EXECUTE'
        ),
        ('SCHEMA', 'sqitch', NULL, NULL, NULL, 'USAGE'),
        ('TABLE', 'sqitch.changes, sqitch.tags', NULL, NULL, NULL, 'SELECT')
    ) AS s (kind, objects, columns, convo_shop, convo_back_office, convo_health)
    UNION ALL
    SELECT
        g.*,
        TRUE AS is_legacy
    FROM (
        VALUES
        ('TABLE', 'public.customers', 'no_show_count, preferred_stylist_id', NULL, 'SELECT', 'SELECT'),
        ('TABLE', 'public.customers', 'average_spend_cents', NULL, 'SELECT', NULL),
        (
            'TABLE',
            'public.customer_booking_stats',
            'customer_id, last_booking_at, total_bookings, total_spend_cents',
            NULL, 'SELECT', 'SELECT'
        ),
        ('TABLE', 'public.customer_booking_stats', 'created_at, updated_at', NULL, 'SELECT', NULL),
        ('TABLE', 'tenancy.drift', NULL, NULL, NULL, 'SELECT')
    ) AS g (kind, objects, columns, convo_shop, convo_back_office, convo_health)
) AS l;

COMMENT ON VIEW tenancy.listed_rights IS
'The rights that the three roles shall have: on the legacy side until the contract, and for convo_shop on isolated tables while '
'isolation is on. Example: SELECT * FROM tenancy.listed_rights ORDER BY position';
COMMENT ON COLUMN tenancy.listed_rights.position IS 'The place in the list.';
COMMENT ON COLUMN tenancy.listed_rights.kind IS 'As in tenancy.given_rights.';
COMMENT ON COLUMN tenancy.listed_rights.objects IS
'Names, separated by commas; functions without arguments. sqitch stands for Sqitch''s registry, whatever its name.';
COMMENT ON COLUMN tenancy.listed_rights.columns IS 'Columns of the table, separated by commas; NULL for the whole object.';
COMMENT ON COLUMN tenancy.listed_rights.convo_shop IS 'Rights of the application for one shop, separated by commas.';
COMMENT ON COLUMN tenancy.listed_rights.convo_back_office IS 'Rights of trusted code for all shops, separated by commas.';
COMMENT ON COLUMN tenancy.listed_rights.convo_health IS 'Rights of the health check, separated by commas.';
COMMENT ON COLUMN tenancy.listed_rights.is_legacy IS 'Whether the contract removes it.';

CREATE OR REPLACE VIEW tenancy.right_differences (
    difference, name, oid, role_name, owner, grantor, is_switched, is_optional, statement
)
WITH (security_invoker = TRUE)
AS
WITH listed AS MATERIALIZED (
    SELECT
        l.kind,
        o.oid,
        o.name AS object,
        o.owner,
        c.name AS column_name,
        r.name AS role_name,
        p.name AS privilege,
        NOT l.is_legacy OR tenancy.has_legacy_side() AS is_wanted
    FROM tenancy.listed_rights AS l
    CROSS JOIN LATERAL string_to_table(l.objects, ', ') AS n (name)
    -- What is not there yet, or not any more, is not listed.
    JOIN pg_namespace AS m
        ON m.nspname = split_part(n.name, '.', 1)
        AND m.nspname <> 'sqitch' -- Sqitch's own may be lost and made again, and is no matter of isolation
    CROSS JOIN LATERAL (
        SELECT
            t.oid,
            t.oid::regclass::text AS name,
            t.relowner AS owner
        FROM pg_class AS t
        WHERE l.kind = 'TABLE'
            AND t.relnamespace = m.oid
            AND t.relname = split_part(n.name, '.', 2)
        UNION ALL
        SELECT
            f.oid,
            f.oid::regprocedure::text,
            f.proowner
        FROM pg_proc AS f
        WHERE l.kind = 'ROUTINE'
            AND f.pronamespace = m.oid
            AND f.proname = split_part(n.name, '.', 2)
        UNION ALL
        SELECT
            m.oid,
            quote_ident(m.nspname),
            m.nspowner
        WHERE l.kind = 'SCHEMA'
    ) AS o
    LEFT JOIN LATERAL string_to_table(l.columns, ', ') AS c (name) ON TRUE
    CROSS JOIN LATERAL (
        VALUES
        ('convo_shop', l.convo_shop),
        ('convo_back_office', l.convo_back_office),
        ('convo_health', l.convo_health)
    ) AS r (name, privileges)
    CROSS JOIN LATERAL string_to_table(r.privileges, ', ') AS p (name)
    WHERE to_regrole(r.name) IS NOT NULL
        AND (
            c.name IS NULL
            OR EXISTS (
                SELECT
                FROM pg_attribute AS a
                WHERE a.attrelid = o.oid
                    AND a.attname = c.name
                    AND NOT a.attisdropped
            )
        )
),

relation AS MATERIALIZED (
    SELECT r.oid
    FROM tenancy.isolation_relations AS r
),

given_to_them AS MATERIALIZED (
    SELECT
        g.*,
        r.rolname AS role_name
    FROM tenancy.given_rights AS g
    JOIN pg_roles AS r
        ON r.oid = g.grantee
        AND r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
),

given AS MATERIALIZED (
    SELECT g.*
    FROM given_to_them AS g
    LEFT JOIN pg_class AS t
        ON t.oid = g.oid
        AND g.kind IN ('TABLE', 'SEQUENCE')
    WHERE g.kind = 'ROUTINE'
        OR t.relnamespace = 'tenancy'::regnamespace
        OR g.oid IN (SELECT l.oid FROM listed AS l)
        OR (
            t.relnamespace IS DISTINCT FROM to_regnamespace('tenancy_archive') -- what is put aside keeps its rights, for the way back
            AND t.oid IN (SELECT i.oid FROM relation AS i)
        )
),

-- The rights of convo_shop that depend on the switch: without row-level security they would open all shops.
switched AS (
    SELECT
        t.oid,
        i.state,
        c.relrowsecurity AS is_secured
    FROM tenancy.isolated_tables AS t
    JOIN pg_class AS c ON c.oid = t.oid
    CROSS JOIN tenancy.isolation AS i
),

difference AS (
    SELECT
        CASE WHEN g.oid IS NULL THEN 'missing' ELSE 'excess' END AS difference,
        coalesce(l.kind, g.kind) AS kind,
        coalesce(l.oid, g.oid) AS oid,
        coalesce(l.object, g.name) AS object,
        coalesce(l.column_name, g.column_name) AS column_name,
        coalesce(l.owner, g.owner) AS owner,
        coalesce(l.role_name, g.role_name) AS role_name,
        coalesce(l.privilege, g.privilege) AS privilege,
        coalesce(g.grantor, g.owner, l.owner) AS grantor,
        l.oid IS NOT NULL AS is_listed,
        coalesce(g.is_grantable, FALSE) AS is_grantable,
        l.oid IS NOT NULL AND s.oid IS NOT NULL AS is_switched,
        coalesce(s.state IN ('enforcing', 'on') AND s.is_secured, FALSE) AS may_be_more
    FROM listed AS l
    FULL JOIN given AS g
        ON g.kind = l.kind
        AND g.oid = l.oid
        AND g.role_name = l.role_name
        AND g.privilege = l.privilege
        AND coalesce(g.column_name, '') = coalesce(l.column_name, '')
        AND g.grantor = l.owner
    LEFT JOIN switched AS s
        ON s.oid = coalesce(l.oid, g.oid)
        AND coalesce(l.role_name, g.role_name) = 'convo_shop'
    WHERE CASE
            WHEN g.oid IS NULL THEN l.is_wanted AND (s.oid IS NULL OR (s.state = 'on' AND s.is_secured))
            WHEN g.is_grantable OR l.oid IS NULL THEN TRUE
            ELSE s.state IN ('off', 'relaxing') OR NOT s.is_secured
        END
),

-- A column that somebody opened besides is a difference of its own, which may be left.
judged AS (
    SELECT
        d.*,
        d.difference = 'excess'
        AND d.column_name IS NOT NULL
        AND d.privilege IN ('SELECT', 'INSERT', 'UPDATE')
        AND NOT d.is_grantable
        AND d.grantor = d.owner
        AND (d.role_name <> 'convo_shop' OR d.may_be_more) AS is_optional
    FROM difference AS d
)

SELECT
    g.difference,
    concat(
        format('%s on %s to %s', g.what, g.object, g.role_name),
        CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END,
        CASE WHEN g.grantor <> g.owner THEN format(' GRANTED BY %I', pg_get_userbyid(g.grantor)) END
    ),
    g.oid,
    g.role_name,
    g.owner,
    g.grantor,
    g.is_switched,
    g.is_optional,
    CASE WHEN g.grantor <> g.owner THEN format('SET ROLE %I; ', pg_get_userbyid(g.grantor)) ELSE '' END || format(
        CASE
            WHEN g.difference = 'missing' THEN 'GRANT %s ON %s %s TO %s'
            WHEN g.is_grantable AND g.is_listed THEN 'REVOKE GRANT OPTION FOR %s ON %s %s FROM %s CASCADE'
            ELSE 'REVOKE %s ON %s %s FROM %s CASCADE'
        END,
        g.what, g.kind, g.object, g.role_name
    )
FROM (
    SELECT
        j.difference,
        j.kind,
        j.oid,
        j.object,
        j.owner,
        j.grantor,
        j.role_name,
        j.is_listed,
        j.is_grantable,
        j.is_switched,
        j.is_optional,
        j.privilege || coalesce(
            ' (' || string_agg(quote_ident(j.column_name), ', ' ORDER BY j.column_name) || ')', ''
        ) AS what
    FROM judged AS j
    GROUP BY
        j.difference,
        j.kind,
        j.oid,
        j.object,
        j.owner,
        j.grantor,
        j.role_name,
        j.privilege,
        j.is_listed,
        j.is_grantable,
        j.is_switched,
        j.is_optional,
        j.column_name IS NULL,
        CASE WHEN j.is_optional THEN j.column_name END
) AS g;

COMMENT ON VIEW tenancy.right_differences IS
'Rights of the three roles that differ from tenancy.listed_rights. Set search_path = pg_catalog before you query it. Example: '
'SELECT difference, name FROM tenancy.right_differences';
COMMENT ON COLUMN tenancy.right_differences.difference IS 'missing (listed, not given) or excess (given, not listed).';
COMMENT ON COLUMN tenancy.right_differences.name IS 'The right, worded as the name of a finding.';
COMMENT ON COLUMN tenancy.right_differences.oid IS 'The object.';
COMMENT ON COLUMN tenancy.right_differences.role_name IS 'One of the three roles.';
COMMENT ON COLUMN tenancy.right_differences.owner IS 'The owner of the object.';
COMMENT ON COLUMN tenancy.right_differences.grantor IS 'The role that granted it, or would grant it.';
COMMENT ON COLUMN tenancy.right_differences.is_switched IS
'Whether it is a listed right that the isolation switch grants and revokes.';
COMMENT ON COLUMN tenancy.right_differences.is_optional IS
'Whether it is a right on an unlisted column, which tenancy.enforce_isolation() may be told to leave.';
COMMENT ON COLUMN tenancy.right_differences.statement IS 'The GRANT or REVOKE that ends the difference.';

CREATE OR REPLACE PROCEDURE tenancy.grant_rights()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT d.statement
        FROM tenancy.right_differences AS d
        CROSS JOIN tenancy.isolation AS i
        WHERE pg_has_role(d.owner, 'USAGE')
            AND d.grantor = d.owner
            AND NOT (d.is_optional AND d.name = ANY (i.despite)) -- noqa: CP03,LT01,LT06
        ORDER BY
            d.difference,
            d.statement
    ) LOOP
        EXECUTE statement;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.grant_rights() IS
'Grants the three roles the rights of tenancy.listed_rights and revokes all others, except columns that '
'tenancy.enforce_isolation() was told to leave. Skips objects of other owners. Example: CALL tenancy.grant_rights()';

COMMIT;
