-- Deploy convo_tenancy:isolation/rights to pg

-- What the three roles may do, and nothing more. No right on the legacy side for convo_shop: not on customer_booking_stats, not on
-- the columns of customers that go, and none to write the counts of stylists.

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

-- One shop, by row-level security and the SQL API. Profiles are made by the API alone, for customers whom the shop knows: whoever
-- could insert one, or move one to another customer, would see who that is.
GRANT SELECT ON public.customer_shop_profiles TO convo_shop;
GRANT UPDATE (preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, updated_at)
ON public.customer_shop_profiles TO convo_shop;
GRANT SELECT (id, email, phone, name, created_at, updated_at) ON public.customers TO convo_shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.bookings TO convo_shop;
GRANT SELECT (id, shop_id, name, work_start, work_end, active, created_at) ON public.stylists TO convo_shop; -- no PIN
GRANT SELECT ON public.services, public.customer_stylist_preferences TO convo_shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.customer_service_preferences TO convo_shop;
GRANT USAGE ON SEQUENCE public.customer_service_preferences_id_seq TO convo_shop;

-- All shops.
GRANT SELECT
ON public.shops,
public.stylists,
public.services,
public.bookings,
public.customers,
public.customer_shop_profiles,
public.customer_stylist_preferences,
public.customer_service_preferences,
tenancy.customer_totals
TO convo_back_office;
GRANT INSERT, UPDATE, DELETE ON public.bookings, public.customer_service_preferences TO convo_back_office;
GRANT UPDATE (preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, updated_at)
ON public.customer_shop_profiles TO convo_back_office;
GRANT USAGE ON SEQUENCE public.customer_service_preferences_id_seq TO convo_back_office;

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
tenancy.customer_context(integer, integer),
tenancy.customers_by_preferred_stylist(integer)
TO convo_shop, convo_back_office;

-- What the health check reads.
GRANT SELECT (
    id, shop_id, service_id, stylist_id, customer_phone, customer_email, status, appointment_status,
    appointment_status_updated_at_utc, start_at_utc, created_at
)
ON public.bookings TO convo_health; -- what tenancy.customer_bookings reads
GRANT SELECT
ON public.shops,
public.stylists,
public.services,
public.customers,
public.customer_shop_profiles,
public.customer_stylist_preferences,
tenancy.moved_stylists,
tenancy.shop_counts,
tenancy.customer_bookings,
tenancy.evidence,
tenancy.shop_check,
tenancy.settings,
tenancy.changes,
tenancy.deployed_parts,
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
tenancy.watch
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
GRANT SELECT ON public.customer_booking_stats TO convo_back_office, convo_health;
GRANT SELECT ON tenancy.drift TO convo_health;
\endif

COMMIT;
