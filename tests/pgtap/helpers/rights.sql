-- What the three roles may do, and nothing more: the one list. isolation/schema/row_level_security.sql compares the database with
-- it, and test_least_right.py docs/isolation.md.

CREATE TEMPORARY TABLE rights (
    position integer GENERATED ALWAYS AS IDENTITY,
    objects text NOT NULL,
    columns text, -- NULL for the whole
    convo_shop text,
    convo_back_office text,
    convo_health text
);

INSERT INTO rights (objects, columns, convo_shop, convo_back_office, convo_health)
VALUES
('bookings', NULL, 'DELETE', 'DELETE', NULL),
('bookings', 'created_at, id, shop_id', 'INSERT, SELECT', 'INSERT, SELECT', NULL),
(
    'bookings',
    'acknowledged_at_utc, appointment_status, appointment_status_updated_at_utc, customer_email, customer_name, '
    'customer_phone, discount_cents, end_at_utc, hold_expires_at_utc, internal_notes, preferred_style_image_url, '
    'preferred_style_text, promo_id, secondary_service_id, service_id, sms_sent_at_utc, start_at_utc, status, '
    'stylist_id, updated_at',
    'INSERT, SELECT, UPDATE', 'INSERT, SELECT, UPDATE', NULL
),
('customers', 'id', 'SELECT', 'SELECT', 'SELECT'),
('customers', 'email, name, phone', 'SELECT', 'SELECT', NULL),
('customers', 'created_at, updated_at', NULL, 'SELECT', NULL),
('customers', 'no_show_count, preferred_stylist_id', NULL, 'SELECT', 'SELECT'),
('customers', 'average_spend_cents', NULL, 'SELECT', NULL),
('customer_booking_stats', 'customer_id, last_booking_at, total_bookings, total_spend_cents', NULL, 'SELECT', 'SELECT'),
('customer_booking_stats', 'created_at, updated_at', NULL, 'SELECT', NULL),
(
    'customer_shop_profiles',
    'customer_id, last_booking_at, no_show_count, preferred_stylist_id, shop_id, total_bookings, '
    'total_spend_cents',
    'SELECT', 'SELECT', 'SELECT'
),
('customer_shop_profiles', 'created_at, id, updated_at', 'SELECT', 'SELECT', NULL),
('customer_stylist_preferences', 'booking_count, customer_id, stylist_id', 'SELECT', 'SELECT', 'SELECT'),
('customer_stylist_preferences', 'created_at, updated_at', 'SELECT', 'SELECT', NULL),
(
    'customer_service_preferences',
    'customer_id, preferred_style_image_url, preferred_style_text, service_id, updated_at_utc',
    'SELECT', 'SELECT', NULL
),
('stylists', 'id, shop_id', 'SELECT', 'SELECT', 'SELECT'),
('stylists', 'active, created_at, name, work_end, work_start', 'SELECT', 'SELECT', NULL),
('services', 'id, price_cents', 'SELECT', 'SELECT', 'SELECT'),
('services', 'created_at, duration_minutes, name, shop_id', 'SELECT', 'SELECT', NULL),
('shops', 'id', NULL, 'SELECT', 'SELECT'),
('shops', 'created_at, name', NULL, 'SELECT', NULL),
('tenancy', NULL, 'USAGE', 'USAGE', 'USAGE'),
(
    'tenancy.customer_by_email, tenancy.customer_by_phone, tenancy.customer_context, '
    'tenancy.customers_by_preferred_stylist, tenancy.get_or_create_customer, tenancy.normalized_email, '
    'tenancy.normalized_phone, tenancy.record_booking, tenancy.record_no_show, tenancy.set_preferred_stylist, '
    'tenancy.set_service_preference, tenancy.shop_context',
    NULL,
    'EXECUTE', 'EXECUTE', NULL
),
('tenancy.customer_totals', NULL, NULL, 'SELECT', NULL),
('tenancy.drift', NULL, NULL, NULL, 'SELECT'),
(
    'tenancy.backfill_progress, tenancy.changes, tenancy.contracted, tenancy.customer_bookings, '
    'tenancy.deployed_parts, tenancy.double_writers, tenancy.double_writes, tenancy.evidence, tenancy.held_keys, '
    'tenancy.introducers, tenancy.introductions, tenancy.isolated_tables, tenancy.isolation, '
    'tenancy.isolation_faults, tenancy.isolation_findings, tenancy.isolation_rights, tenancy.isolation_risks, '
    'tenancy.legacy_writers, tenancy.legacy_writers_by_shop, tenancy.legacy_writes, tenancy.mirror_marks, '
    'tenancy.mirror_watch, tenancy.moved_stylists, tenancy.part_problems, tenancy.parts, tenancy.role_members, '
    'tenancy.settings, tenancy.shop_check, tenancy.shop_counts, tenancy.tracking, tenancy.watch, '
    'tenancy.written_tables',
    NULL,
    NULL, NULL, 'SELECT'
),
(
    'tenancy.command_for, tenancy.is_registered, tenancy.legacy_readers, tenancy.names_legacy_side, '
    'tenancy.open_changes, tenancy.part_definition, tenancy.printable, tenancy.statements_relation, '
    'tenancy.unseen_readers, tenancy.without_literals',
    NULL,
    NULL, NULL, 'EXECUTE'
),
('sqitch', NULL, NULL, NULL, 'USAGE'),
('sqitch.changes, sqitch.tags', NULL, NULL, NULL, 'SELECT');
