-- Deploy convo_tenancy:isolation/rights to pg

-- What the three roles may do, and nothing more. No right on the legacy side for convo_shop: not on customer_booking_stats, not on
-- the columns of customers that go, and none to write the counts of stylists. On tables it has rights only while isolation is on. When
-- this script runs again, on a restored database say, it puts all rights back, and then fails for what keeps isolation from holding.

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


GRANT USAGE ON SCHEMA tenancy TO convo_shop, convo_back_office, convo_health;

-- One shop, by row-level security and the SQL API. Columns, so that a system column (xmin) and what the application adds later stay
-- closed. No id that a sequence gives is written, no sequence read, and no time of customers: they tell what other shops do.
-- Bookings bring ids of their own, which are random. Profiles and service preferences are written by the API alone: whoever could
-- insert a profile, or move one to another customer, would see who that is.
CREATE OR REPLACE PROCEDURE tenancy.grant_shop_rights()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT
            CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
            c.oid::regclass AS name
        FROM pg_class AS c
        WHERE pg_has_role(c.relowner, 'USAGE')
            AND (
                c.oid IN (SELECT r.oid FROM tenancy.isolation_rights AS r WHERE r.grantee = 'convo_shop'::regrole)
                OR (
                    c.relkind = 'S'
                    AND EXISTS (
                        SELECT
                        FROM pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass
                            AND d.objid = c.oid
                            AND d.refclassid = 'pg_class'::regclass
                            AND d.refobjid IN (SELECT t.oid FROM tenancy.isolated_tables AS t)
                    )
                )
            )
        ORDER BY c.oid
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM convo_shop', relation.kind, relation.name);
    END LOOP;

    -- Without row-level security they would open all shops.
    IF 'on' <> (SELECT i.state FROM tenancy.isolation AS i)
        OR EXISTS (
            SELECT
            FROM tenancy.isolated_tables AS t
            JOIN pg_class AS c ON c.oid = t.oid
            WHERE NOT c.relrowsecurity
        )
    THEN
        RETURN;
    END IF;

    GRANT SELECT (
        id, customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, created_at,
        updated_at
    )
    ON public.customer_shop_profiles TO convo_shop;
    GRANT SELECT (id, email, phone, name) ON public.customers TO convo_shop;
    GRANT SELECT (
        id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
        preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
        appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, created_at, updated_at
    )
    ON public.bookings TO convo_shop;
    GRANT INSERT (
        id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
        preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
        appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, created_at, updated_at
    )
    ON public.bookings TO convo_shop;
    GRANT UPDATE (
        service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
        preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
        appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, updated_at
    )
    ON public.bookings TO convo_shop;
    GRANT DELETE ON public.bookings TO convo_shop;
    GRANT SELECT (id, shop_id, name, work_start, work_end, active, created_at) ON public.stylists TO convo_shop; -- no PIN
    GRANT SELECT (id, shop_id, name, duration_minutes, price_cents, created_at) ON public.services TO convo_shop;
    GRANT SELECT (customer_id, stylist_id, booking_count, created_at, updated_at)
    ON public.customer_stylist_preferences TO convo_shop;
    GRANT SELECT (customer_id, service_id, preferred_style_text, preferred_style_image_url, updated_at_utc)
    ON public.customer_service_preferences TO convo_shop;
END;
$$;

COMMENT ON PROCEDURE tenancy.grant_shop_rights() IS
'Gives convo_shop the rights on tables that it has while isolation is on, and takes them away in every other state, and where a '
'table has no row-level security. Example: CALL tenancy.grant_shop_rights()';

-- All shops. It writes profiles and service preferences by the API, too.
GRANT SELECT (
    id, customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, created_at,
    updated_at
)
ON public.customer_shop_profiles TO convo_back_office;
GRANT SELECT (id, email, phone, name, created_at, updated_at) ON public.customers TO convo_back_office;
GRANT SELECT (
    id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
    preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
    appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, created_at, updated_at
)
ON public.bookings TO convo_back_office;
GRANT INSERT (
    id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
    preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
    appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, created_at, updated_at
)
ON public.bookings TO convo_back_office;
GRANT UPDATE (
    service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone, preferred_style_text,
    preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status, hold_expires_at_utc, sms_sent_at_utc,
    appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc, internal_notes, updated_at
)
ON public.bookings TO convo_back_office;
GRANT DELETE ON public.bookings TO convo_back_office;
GRANT SELECT (id, shop_id, name, work_start, work_end, active, created_at) ON public.stylists TO convo_back_office; -- no PIN
GRANT SELECT (id, name, created_at) ON public.shops TO convo_back_office;
GRANT SELECT (id, shop_id, name, duration_minutes, price_cents, created_at) ON public.services TO convo_back_office;
GRANT SELECT (customer_id, stylist_id, booking_count, created_at, updated_at)
ON public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT (customer_id, service_id, preferred_style_text, preferred_style_image_url, updated_at_utc)
ON public.customer_service_preferences TO convo_back_office;
GRANT SELECT ON tenancy.customer_totals TO convo_back_office;

GRANT EXECUTE
ON FUNCTION
tenancy.shop_context(),
tenancy.normalized_email(text),
tenancy.normalized_phone(text),
tenancy.customer_by_email(text),
tenancy.customer_by_phone(text),
tenancy.get_or_create_customer(text, text, text),
tenancy.record_booking(integer, integer, integer, integer, timestamptz),
tenancy.record_no_show(integer, integer),
tenancy.set_preferred_stylist(integer, integer, integer),
tenancy.set_service_preference(integer, integer, text, text),
tenancy.customer_context(integer, integer),
tenancy.customers_by_preferred_stylist(integer)
TO convo_shop, convo_back_office;

-- What the health check reads: numbers, and nobody's name, email, phone or PIN. Whose a booking is, tenancy.customer_bookings tells
-- it with its owner's rights.
GRANT SELECT (id) ON public.shops TO convo_health;
GRANT SELECT (id, shop_id) ON public.stylists TO convo_health;
GRANT SELECT (id, price_cents) ON public.services TO convo_health;
GRANT SELECT (id) ON public.customers TO convo_health;
GRANT SELECT (customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count)
ON public.customer_shop_profiles TO convo_health;
GRANT SELECT (customer_id, stylist_id, booking_count) ON public.customer_stylist_preferences TO convo_health;
GRANT SELECT
ON tenancy.moved_stylists,
tenancy.shop_counts,
tenancy.customer_bookings,
tenancy.evidence,
tenancy.shop_check,
tenancy.settings,
tenancy.changes,
tenancy.deployed_parts,
tenancy.held_keys,
tenancy.parts,
tenancy.part_problems,
tenancy.backfill_progress,
tenancy.legacy_writes,
tenancy.legacy_writers_by_shop,
tenancy.legacy_writers,
tenancy.double_writes,
tenancy.double_writers,
tenancy.mirror_watch,
tenancy.mirror_marks,
tenancy.watch,
tenancy.introducers,
tenancy.introductions,
tenancy.isolation,
tenancy.isolated_tables,
tenancy.written_tables,
tenancy.isolation_rights,
tenancy.role_members,
tenancy.isolation_faults,
tenancy.isolation_risks,
tenancy.isolation_findings
TO convo_health;

GRANT EXECUTE
ON FUNCTION
tenancy.printable(text),
tenancy.is_registered(text),
tenancy.command_for(text, text),
tenancy.part_definition(text, oid),
tenancy.open_changes(),
tenancy.names_legacy_side(text),
tenancy.without_literals(text),
tenancy.statements_relation(name),
tenancy.unseen_readers(),
tenancy.legacy_readers()
TO convo_health;

-- What the contract takes away.
SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
GRANT SELECT (customer_id, total_bookings, total_spend_cents, last_booking_at, created_at, updated_at)
ON public.customer_booking_stats TO convo_back_office;
GRANT SELECT (preferred_stylist_id, average_spend_cents, no_show_count) ON public.customers TO convo_back_office;
GRANT SELECT (customer_id, total_bookings, total_spend_cents, last_booking_at) ON public.customer_booking_stats TO convo_health;
GRANT SELECT (preferred_stylist_id, no_show_count) ON public.customers TO convo_health;
GRANT SELECT ON tenancy.drift TO convo_health;
\endif

CALL tenancy.grant_shop_rights();

COMMIT;

-- A script that includes this one has another concern than what roles are members of.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
CALL tenancy.pin_settings();
SELECT NOT EXISTS (SELECT FROM tenancy.open_changes() AS o WHERE o.is_own) AS is_alone \gset
\if :is_alone
CALL tenancy.check_isolation();
\endif

-- squawk-ignore transaction-nesting
COMMIT;
