"""What a member of convo_shop, in the context of one shop, tries against another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg

OWN, OTHER = 2, 3  # shops of the recorded database; not the default one, which knows everybody
IN_OWN: LiteralString = f"SET LOCAL app.current_shop_id = '{OWN}'"

DENIED = "42501"  # no right, or refused by a policy
UNKNOWN = "23503"  # as for somebody or something that does not exist
OUT_OF_BOUNDS = "22023"  # an argument that no honest caller has
TOO_MUCH = "22003"  # for one profile
TOO_MANY = "53400"  # new customers in an hour
MOST_INTRODUCTIONS = 10  # tenancy.settings.introductions_per_hour, as the tests set it
NOTHING = "no row"
OWN_ROWS = "rows of the own shop alone"


@dataclass(frozen=True)
class Attack:
    """Statements of one transaction, with {names} of `Target`; what the last one must come to."""

    name: str
    expected: str  # a SQLSTATE, NOTHING or OWN_ROWS
    statements: tuple[str, ...]
    context: str | None = IN_OWN


@dataclass(frozen=True)
class Target:
    """What the other shop has that the own one does not know."""

    customer: int
    email: str
    phone: str
    stylist: int
    service: int
    booking: str
    own_customer: int
    own_stylist: int
    own_service: int
    own_booking: str


def target(owner: psycopg.Connection[Any]) -> Target:
    """Of the recorded database."""

    def first(query: LiteralString, *values: object) -> tuple[Any, ...]:
        row = owner.execute(query, values).fetchone()
        assert row is not None
        return cast(tuple[Any, ...], row)

    stranger: LiteralString = """
        SELECT p.customer_id, c.email, c.phone
        FROM public.customer_shop_profiles AS p
        JOIN public.customers AS c ON c.id = p.customer_id
        WHERE p.shop_id = %s
            AND c.email IS NOT NULL
            AND c.phone IS NOT NULL
            AND NOT EXISTS (
                SELECT
                FROM public.customer_shop_profiles AS o
                WHERE o.customer_id = p.customer_id
                    AND o.shop_id = %s
            )
            AND NOT EXISTS (
                SELECT
                FROM tenancy.bookings_of(p.customer_id) AS b
                WHERE b.shop_id = %s
            )
        ORDER BY p.customer_id
        LIMIT 1
    """
    booking: LiteralString = """
        SELECT id::text, stylist_id, service_id
        FROM public.bookings
        WHERE shop_id = %s
        ORDER BY id
        LIMIT 1
    """
    customer, email, phone = first(stranger, OTHER, OWN, OWN)
    own_customer, *_ = first(stranger, OWN, OTHER, OTHER)
    other, own = first(booking, OTHER), first(booking, OWN)
    return Target(
        customer, email, phone, other[1], other[2], other[0], own_customer, own[1], own[2], own[0]
    )


READ = [
    Attack(f"read {table} by a condition on the shop", NOTHING, (statement,))
    for table, statement in {
        "bookings": f"SELECT id FROM public.bookings WHERE shop_id = {OTHER}",
        "profiles": f"SELECT id FROM public.customer_shop_profiles WHERE shop_id = {OTHER}",
        "stylists": f"SELECT id FROM public.stylists WHERE shop_id = {OTHER}",
        "services": f"SELECT id FROM public.services WHERE shop_id = {OTHER}",
        "customers": "SELECT email FROM public.customers WHERE id = {customer}",
        "stylist preferences": """
            SELECT booking_count FROM public.customer_stylist_preferences
            WHERE stylist_id = {stylist}
        """,
        "service preferences": """
            SELECT preferred_style_text FROM public.customer_service_preferences
            WHERE service_id = {service}
        """,
    }.items()
] + [
    Attack("read without a condition", OWN_ROWS, ("SELECT shop_id FROM public.bookings",)),
    Attack(
        "count profiles",
        NOTHING,
        (f"SELECT 1 FROM public.customer_shop_profiles GROUP BY shop_id HAVING shop_id <> {OWN}",),
    ),
    Attack("read by id", NOTHING, ("SELECT id FROM public.bookings WHERE id = '{booking}'",)),
    Attack("read by email", NOTHING, ("SELECT id FROM public.customers WHERE email = '{email}'",)),
    Attack(
        "join customers with bookings",
        NOTHING,
        (
            """
        SELECT c.id
        FROM public.customers AS c
        JOIN public.bookings AS b ON b.customer_email = c.email
        WHERE c.email = '{email}'
    """,
        ),
    ),
    Attack(
        "ask by EXISTS",
        NOTHING,
        (
            f"""
        SELECT 1 WHERE EXISTS (SELECT FROM public.stylists WHERE shop_id = {OTHER})
    """,
        ),
    ),
    Attack("read without a context", NOTHING, ("SELECT id FROM public.bookings",), None),
    Attack(
        "read in an empty context",
        NOTHING,
        ("SELECT id FROM public.customers",),
        "SET LOCAL app.current_shop_id = ''",
    ),
    Attack(
        "read in a context that is no number",
        "22P02",
        ("SELECT id FROM public.bookings",),
        "SET LOCAL app.current_shop_id = '3 OR TRUE'",
    ),
    Attack(
        "read in a context that is no shop",
        NOTHING,
        ("SELECT id FROM public.bookings",),
        "SET LOCAL app.current_shop_id = '999999'",
    ),
    Attack("read statistics", DENIED, ("SELECT * FROM public.customer_booking_stats",)),
    Attack("read what goes of customers", DENIED, ("SELECT no_show_count FROM public.customers",)),
    Attack("read whole customers", DENIED, ("SELECT c FROM public.customers AS c",)),
    *(
        Attack(f"read {column} of {table}", DENIED, (f"SELECT {column} FROM public.{table}",))
        for table, columns in {
            "stylists": ("pin_hash", "pin_set_at_utc", "xmin"),
            "customers": ("created_at", "updated_at", "average_spend_cents", "xmin", "ctid"),
            "customer_shop_profiles": ("xmin",),
            "bookings": ("xmin",),
            "services": ("xmin",),
            "customer_stylist_preferences": ("id", "xmin"),
            "customer_service_preferences": ("id", "xmin"),
        }.items()
        for column in columns
    ),
    *(
        Attack(f"read tenancy.{relation}", DENIED, (f"SELECT * FROM tenancy.{relation}",))
        for relation in (
            "customer_bookings",
            "evidence",
            "introducers",
            "introductions",
            "introductions_id_seq",
            "shop_check",
        )
    ),
    Attack("read drift", DENIED, ("SELECT * FROM tenancy.drift",)),
    Attack("read totals of all shops", DENIED, ("SELECT * FROM tenancy.customer_totals",)),
    Attack("read settings", DENIED, ("SELECT * FROM tenancy.settings",)),
    Attack("read shops", DENIED, ("SELECT * FROM public.shops",)),
    Attack(
        "read column statistics",
        NOTHING,
        (
            """
        SELECT most_common_vals FROM pg_catalog.pg_stats WHERE tablename = 'customers'
    """,
        ),
    ),
    Attack(
        "switch row-level security off for the session",
        DENIED,
        (
            "SET LOCAL row_security = off",
            "SELECT id FROM public.bookings",
        ),
    ),
    Attack(
        "leak by a cheap function",
        OWN_ROWS,
        (
            """
        CREATE FUNCTION pg_temp.leak(shop_id integer) RETURNS boolean LANGUAGE plpgsql
        COST 0.0000001 AS $$BEGIN RAISE NOTICE '%', shop_id; RETURN TRUE; END$$
    """,
            "SELECT shop_id FROM public.bookings WHERE pg_temp.leak(shop_id)",
        ),
    ),
    Attack(
        "leak by an error",
        NOTHING,
        (f"SELECT 1 / (shop_id - {OTHER}) FROM public.stylists WHERE shop_id = {OTHER}",),
    ),
    Attack("COPY a table", DENIED, ("COPY public.customer_booking_stats TO STDOUT",)),
    Attack("COPY to a program", DENIED, ("COPY public.bookings TO PROGRAM 'cat'",)),
    Attack(
        "a prepared statement of another context",
        OWN_ROWS,
        (
            "SET LOCAL plan_cache_mode = force_generic_plan",
            f"SET LOCAL app.current_shop_id = '{OTHER}'",
            "PREPARE theirs AS SELECT shop_id FROM public.bookings",
            "EXECUTE theirs",
            IN_OWN,
            "EXECUTE theirs",
        ),
    ),
    Attack(
        "read through a view of one's own",
        OWN_ROWS,
        (
            "CREATE TEMPORARY VIEW mine AS SELECT shop_id FROM public.bookings",
            "SELECT shop_id FROM mine",
        ),
    ),
]

WRITE = [
    Attack(
        "change another shop's booking",
        NOTHING,
        (
            """
        UPDATE public.bookings SET internal_notes = 'x' WHERE id = '{booking}' RETURNING id
    """,
        ),
    ),
    Attack(
        "delete another shop's bookings",
        NOTHING,
        (f"DELETE FROM public.bookings WHERE shop_id = {OTHER} RETURNING id",),
    ),
    Attack(
        "lock another shop's bookings",
        NOTHING,
        (f"SELECT id FROM public.bookings WHERE shop_id = {OTHER} FOR UPDATE",),
    ),
    *(
        Attack(
            f"book {name}",
            DENIED,
            (
                f"""
            INSERT INTO public.bookings (
                id, shop_id, service_id, secondary_service_id, stylist_id, discount_cents,
                start_at_utc, end_at_utc, status
            )
            VALUES (
                gen_random_uuid(), {shop}, {service}, {second}, {stylist}, 0,
                '2041-01-01 10:00+00', '2041-01-01 10:30+00', 'HOLD'
            )
            RETURNING id
        """,
            ),
        )
        for name, shop, service, second, stylist in (
            ("in another shop", OTHER, "{service}", "NULL", "{stylist}"),
            ("another shop's stylist", OWN, "{own_service}", "NULL", "{stylist}"),
            ("another shop's service", OWN, "{service}", "NULL", "{own_stylist}"),
            ("another shop's second service", OWN, "{own_service}", "{service}", "{own_stylist}"),
            ("a stylist who does not exist", OWN, "{own_service}", "NULL", "999999"),
            ("a service that does not exist", OWN, "999999", "NULL", "{own_stylist}"),
        )
    ),
    Attack(
        "take the time of another shop's stylist",
        DENIED,
        (
            """
        UPDATE public.bookings SET stylist_id = {stylist} WHERE id = '{own_booking}'
    """,
        ),
    ),
    Attack(
        "move a booking to another shop",
        DENIED,
        (f"UPDATE public.bookings SET shop_id = {OTHER} WHERE id = '{{own_booking}}'",),
    ),
    Attack(
        "upsert on another shop's booking",
        DENIED,
        (
            """
        INSERT INTO public.bookings AS b (
            id, shop_id, service_id, stylist_id, discount_cents, start_at_utc, end_at_utc, status
        )
        VALUES (
            '{booking}', {own}, {own_service}, {own_stylist}, 0,
            '2041-01-01 10:00+00', '2041-01-01 10:30+00', 'HOLD'
        )
        ON CONFLICT (id) DO UPDATE SET internal_notes = b.internal_notes
        RETURNING b.customer_phone
    """,
        ),
    ),
    Attack(
        "make a profile of another shop's customer",
        DENIED,
        (
            """
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES ({customer}, {own})
    """,
        ),
    ),
    Attack(
        "move a profile to another customer",
        DENIED,
        (
            """
        UPDATE public.customer_shop_profiles SET customer_id = {customer}
    """,
        ),
    ),
    Attack(
        "move a profile to another shop",
        DENIED,
        (f"UPDATE public.customer_shop_profiles SET shop_id = {OTHER}",),
    ),
    Attack(
        "prefer another shop's stylist",
        DENIED,
        (
            """
        UPDATE public.customer_shop_profiles SET preferred_stylist_id = {stylist}
        WHERE customer_id = {own_customer}
    """,
        ),
    ),
    Attack(
        "prefer a stylist who does not exist",
        DENIED,
        (
            """
        UPDATE public.customer_shop_profiles SET preferred_stylist_id = 999999
        WHERE customer_id = {own_customer}
    """,
        ),
    ),
    Attack(
        "prefer another shop's service",
        DENIED,
        (
            """
        INSERT INTO public.customer_service_preferences (customer_id, service_id)
        VALUES ({own_customer}, {service})
    """,
        ),
    ),
    Attack(
        "a service preference of another shop's customer",
        DENIED,
        (
            """
        INSERT INTO public.customer_service_preferences (customer_id, service_id)
        VALUES ({customer}, {own_service})
    """,
        ),
    ),
    Attack(
        "a service preference of a customer who does not exist",
        DENIED,
        (
            """
        INSERT INTO public.customer_service_preferences (customer_id, service_id)
        VALUES (999999999, {own_service})
    """,
        ),
    ),
    *(
        Attack(
            f"write {column} of the own profile",
            DENIED,
            (
                f"UPDATE public.customer_shop_profiles SET {column} = {value}"
                " WHERE customer_id = {own_customer}",
            ),
        )
        for column, value in (
            ("id", "1"),
            ("created_at", "now()"),
            ("last_booking_at", "'infinity'"),
            ("no_show_count", "-1"),
            ("preferred_stylist_id", "{own_stylist}"),
            ("total_bookings", "-1"),
            ("total_spend_cents", "-2147483648"),
            ("updated_at", "now()"),
        )
    ),
    *(
        Attack(
            f"write {column} of the own booking",
            DENIED,
            (f"UPDATE public.bookings SET {column} = {value} WHERE id = '{{own_booking}}'",),
        )
        for column, value in (("id", "'{booking}'"), ("created_at", "now()"))
    ),
    *(
        Attack(
            f"write {moment} as {column} of the own booking",
            DENIED,
            (f"UPDATE public.bookings SET {column} = '{moment}' WHERE id = '{{own_booking}}'",),
        )
        for column in (
            "acknowledged_at_utc",
            "appointment_status_updated_at_utc",
            "end_at_utc",
            "hold_expires_at_utc",
            "sms_sent_at_utc",
            "start_at_utc",
            "updated_at",
        )
        for moment in ("infinity", "-infinity", "294275-01-01", "4713-01-01 BC")
    ),
    Attack(
        "book, made at the end of time",
        DENIED,
        (
            """
        INSERT INTO public.bookings (
            id, shop_id, service_id, stylist_id, discount_cents, start_at_utc, end_at_utc, status,
            created_at
        )
        VALUES (
            gen_random_uuid(), {own}, {own_service}, {own_stylist}, 0,
            '2041-01-01 10:00+00', '2041-01-01 10:30+00', 'HOLD', 'infinity'
        )
    """,
        ),
    ),
    Attack(
        "set the guard before a profile",
        DENIED,
        (
            "SET LOCAL tenancy.mirroring = 'on'",
            "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1",
        ),
    ),
    *(
        Attack(
            f"{name} a service preference past the API",
            DENIED,
            (statement,),
        )
        for name, statement in {
            "insert": """
                INSERT INTO public.customer_service_preferences (customer_id, service_id)
                VALUES ({own_customer}, {own_service})
            """,
            "insert with an id": """
                INSERT INTO public.customer_service_preferences (id, customer_id, service_id)
                VALUES (1, {own_customer}, {own_service})
            """,
            "update": "UPDATE public.customer_service_preferences SET preferred_style_text = 'x'",
            "delete": "DELETE FROM public.customer_service_preferences",
        }.items()
    ),
    *(
        Attack(
            f"lock {table} {strength}",
            DENIED,
            (f"SELECT FROM public.{table} FOR {strength}",),
        )
        for table in (
            "customers",
            "customer_shop_profiles",
            "customer_service_preferences",
            "stylists",
        )
        for strength in ("UPDATE", "KEY SHARE")
    ),
    *(
        Attack(
            f"{call.partition('(')[0]} of {sequence}",
            DENIED,
            (f"SELECT {call.format(sequence=sequence)}",),
        )
        for sequence in (
            "public.customer_service_preferences_id_seq",
            "public.customer_shop_profiles_id_seq",
            "public.customers_id_seq",
            "tenancy.introductions_id_seq",
        )
        for call in ("nextval('{sequence}')", "currval('{sequence}')", "setval('{sequence}', 1)")
    ),
    Attack("forget introductions", DENIED, ("DELETE FROM tenancy.introductions",)),
    Attack(
        "allow more introductions",
        DENIED,
        ("UPDATE tenancy.settings SET introductions_per_hour = 1000000",),
    ),
    Attack("COPY bookings in", DENIED, ("COPY public.customers (email) FROM STDIN",)),
    Attack("change a customer", DENIED, ("UPDATE public.customers SET name = 'x'",)),
    Attack(
        "write counts",
        DENIED,
        ("UPDATE public.customer_stylist_preferences SET booking_count = 9",),
    ),
    Attack("TRUNCATE", DENIED, ("TRUNCATE public.bookings",)),
    Attack("LOCK TABLE", DENIED, ("LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE",)),
    Attack(
        "read how many ids were drawn", DENIED, ("SELECT last_value FROM public.customers_id_seq",)
    ),
]

API = [
    *(
        Attack(
            f"{call.partition('(')[0]} of {'no' if '999' in call else 'another'} shop",
            DENIED,
            (f"SELECT * FROM tenancy.{call}",),
        )
        for call in (
            f"customer_context({{customer}}, {OTHER})",
            f"record_booking({{customer}}, {OTHER}, {{stylist}}, 1, now())",
            f"record_no_show({{customer}}, {OTHER})",
            f"set_preferred_stylist({{customer}}, {OTHER}, {{stylist}})",
            "customer_context({own_customer}, 999999)",
            "record_booking({own_customer}, 999999, {own_stylist}, 1, now())",
            "record_no_show({own_customer}, 999999)",
            "set_preferred_stylist({own_customer}, 999999, {own_stylist})",
        )
    ),
    *(
        Attack(
            f"{call.partition('(')[0]} of {name}",
            UNKNOWN,
            ("SELECT * FROM tenancy." + call.replace("CUSTOMER", customer),),
        )
        for call in (
            "customer_context(CUSTOMER, {own})",
            "record_booking(CUSTOMER, {own}, {own_stylist}, 1, now())",
            "record_no_show(CUSTOMER, {own})",
            "set_preferred_stylist(CUSTOMER, {own}, {own_stylist})",
            "set_service_preference(CUSTOMER, {own_service}, 'x')",
        )
        for name, customer in (
            ("another shop's customer", "{customer}"),
            ("nobody", "999999999"),
        )
    ),
    Attack(
        "book with another shop's stylist",
        UNKNOWN,
        ("SELECT tenancy.record_booking({own_customer}, {own}, {stylist}, 1, now())",),
    ),
    Attack(
        "who prefers another shop's stylist",
        UNKNOWN,
        ("SELECT * FROM tenancy.customers_by_preferred_stylist({stylist})",),
    ),
    *(
        Attack(
            f"a service preference of {name}",
            UNKNOWN,
            (f"SELECT tenancy.set_service_preference({{own_customer}}, {service}, 'x')",),
        )
        for name, service in (
            ("another shop's service", "{service}"),
            ("a service that does not exist", "999999"),
        )
    ),
    *(
        Attack(
            f"look another shop's customer up by {by}{name}",
            NOTHING,
            (f"SELECT * FROM tenancy.customer_by_{by}('{{{by}}}')",),
            context,
        )
        for by in ("email", "phone")
        for name, context in (
            ("", IN_OWN),
            (" without a context", None),
            (" in a context that is no shop", "SET LOCAL app.current_shop_id = '999999'"),
        )
    ),
    *(
        Attack(
            f"{name}, having booked with their phone and email",
            expected,
            (
                f"""
            INSERT INTO public.bookings (
                id, shop_id, service_id, stylist_id, customer_phone, customer_email, discount_cents,
                start_at_utc, end_at_utc, status
            )
            VALUES (
                gen_random_uuid(), {{own}}, {{own_service}}, {{own_stylist}}, '{{phone}}',
                '{{email}}', 0, clock_timestamp(), clock_timestamp() + interval '1 hour', '{status}'
            )
        """,
                statement,
            ),
        )
        for status in ("CONFIRMED", "HOLD")
        for name, expected, statement in (
            (
                f"look them up by phone ({status})",
                NOTHING,
                "SELECT * FROM tenancy.customer_by_phone('{phone}')",
            ),
            (
                f"look them up by email ({status})",
                NOTHING,
                "SELECT * FROM tenancy.customer_by_email('{email}')",
            ),
            (
                f"read them ({status})",
                NOTHING,
                "SELECT name FROM public.customers WHERE phone = '{phone}'",
            ),
            (
                f"ask who they are ({status})",
                UNKNOWN,
                "SELECT * FROM tenancy.customer_context({customer}, {own})",
            ),
            (
                f"count them ({status})",
                UNKNOWN,
                "SELECT tenancy.record_booking({customer}, {own}, {own_stylist}, 1, now())",
            ),
            (
                f"read a note about them ({status})",
                NOTHING,
                """
            SELECT s FROM unnest('{{confirmed,written_legacy,written_profiles}}'::text[]) AS s
            WHERE current_setting('tenancy.' || s, TRUE) ~ '{customer}'
        """,
            ),
        )
    ),
    *(
        Attack(
            f"try phones one by one{name}",
            TOO_MANY,
            statements,
        )
        for name, statements in {
            "": (
                f"""
            SELECT tenancy.get_or_create_customer(NULL, '+' || 19990000000 + n, NULL)
            FROM generate_series(0, {MOST_INTRODUCTIONS}) AS n
        """,
            ),
            ", those of customers": (
                """
            SELECT tenancy.get_or_create_customer(NULL, '{phone}', NULL)
        """,
                f"""
            SELECT tenancy.get_or_create_customer(NULL, '+' || 19990000000 + n, NULL)
            FROM generate_series(1, {MOST_INTRODUCTIONS}) AS n
        """,
            ),
            ", half of them as another role": (
                f"""
            SELECT tenancy.get_or_create_customer(NULL, '+' || 19990000000 + n, NULL)
            FROM generate_series(1, {MOST_INTRODUCTIONS // 2}) AS n
        """,
                "SET LOCAL ROLE convo_shop",
                f"""
            SELECT tenancy.get_or_create_customer(NULL, '+' || 19991000000 + n, NULL)
            FROM generate_series(0, {MOST_INTRODUCTIONS // 2}) AS n
        """,
            ),
            ", each taken back": (
                f"""
            DO $$
            BEGIN
                FOR n IN 0 .. {10 * MOST_INTRODUCTIONS} LOOP
                    BEGIN
                        PERFORM tenancy.get_or_create_customer(NULL, '+' || 19990000000 + n, NULL);
                        RAISE EXCEPTION USING ERRCODE = 'UE001';
                    EXCEPTION
                        WHEN SQLSTATE 'UE001' THEN
                            NULL;
                    END;
                END LOOP;
            END;
            $$
        """,
            ),
        }.items()
    ),
    *(
        Attack(
            f"confirm a booking of another shop as one of shop {shop}"
            + ("" if context else ", without a context"),
            UNKNOWN,
            (f"SELECT * FROM tenancy.confirm_booking('{{booking}}', {shop})",),
            context,
        )
        for shop, context in ((OWN, IN_OWN), (OTHER, IN_OWN), (OTHER, None))
    ),
    *(
        Attack(
            f"book for {name}",
            expected,
            (
                "SELECT tenancy.record_booking("
                f"{{own_customer}}, {{own}}, {{own_stylist}}, {amount}, {time})"
                f" FROM generate_series(1, {times})",
            ),
        )
        for name, expected, amount, time, times in (
            ("less than nothing", OUT_OF_BOUNDS, "-1", "now()", 1),
            ("all that 32 bits hold", OUT_OF_BOUNDS, "2147480000", "now()", 1),
            ("a cent too much", OUT_OF_BOUNDS, "10000001", "now()", 1),
            ("no amount", OUT_OF_BOUNDS, "NULL", "now()", 1),
            ("the end of time", OUT_OF_BOUNDS, "1", "'infinity'", 1),
            ("the beginning of time", OUT_OF_BOUNDS, "1", "'-infinity'", 1),
            ("the year 294275", OUT_OF_BOUNDS, "1", "'294275-01-01'", 1),
            ("the next century", OUT_OF_BOUNDS, "1", "'2100-01-01 00:00+00'", 1),
            ("the year 1969", OUT_OF_BOUNDS, "1", "'1969-12-31 23:59+00'", 1),
            ("no time", OUT_OF_BOUNDS, "1", "NULL", 1),
            ("too much in many bookings", TOO_MUCH, "10000000", "now()", 11),
        )
    ),
    *(
        Attack(
            f"record a no-show in the context {context!r}",
            "22023",
            ("SELECT tenancy.record_no_show({own_customer}, {own})",),
            f"SET LOCAL app.current_shop_id = '{context}'",
        )
        for context in ("x", "999999")
    ),
    Attack(
        "make a customer without a context",
        DENIED,
        ("SELECT tenancy.get_or_create_customer('{email}', NULL, NULL)",),
        None,
    ),
    *(
        Attack(f"call {call.partition('(')[0]}", DENIED, (f"SELECT tenancy.{call}",))
        for call in (
            "repair(ARRAY[{customer}])",
            "apply_residual({customer}, {other}, 0, 0)",
            "lock_customer({customer})",
            "check_access({customer}, {own})",
            "bookings_of({customer})",
            "count_legacy_write({own}, now())",
            "note_write('legacy', {customer}, 'bookings')",
            "raise_guard()",
            "is_mirroring()",
            "join_backfill()",
            "take_key()",
            "queue_for_customer('{email}', NULL)",
            "customer_of('{phone}', NULL)",
            "shop_knows({other}, {customer})",
            "count_introduction({own})",
        )
    ),
    Attack("read the guard", DENIED, ("SELECT last_value FROM tenancy.guard",)),
    Attack("move the guard", DENIED, ("SELECT setval('tenancy.guard', 1)",)),
    Attack("read who is made just now", DENIED, ("SELECT * FROM tenancy.customers_under_way",)),
    Attack(
        "keep others from making customers",
        DENIED,
        ("LOCK TABLE tenancy.customers_under_way IN ACCESS EXCLUSIVE MODE",),
    ),
    Attack("run the backfill", DENIED, ("CALL tenancy.run_backfill()",)),
    Attack(
        "make a trigger of a function with its owner's rights",
        DENIED,
        (
            "CREATE TEMPORARY TABLE t (customer_id integer)",
            """
        CREATE TRIGGER t AFTER INSERT ON t
        FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy()
        """,
        ),
    ),
]

ROLE = [
    Attack("become the owner", DENIED, ("SET ROLE postgres",)),
    Attack("become the back office", DENIED, ("SET ROLE convo_back_office",)),
    Attack("log in as the owner", DENIED, ("SET SESSION AUTHORIZATION postgres",)),
    Attack(
        "a function that sets the role",
        DENIED,
        (
            """
        CREATE FUNCTION pg_temp.up() RETURNS bigint LANGUAGE sql SET role = postgres
        AS 'SELECT count(*) FROM public.customer_booking_stats'
    """,
            "SELECT pg_temp.up()",
        ),
    ),
    Attack("create in tenancy", DENIED, ("CREATE TABLE tenancy.mine (id integer)",)),
    Attack(
        "replace a function",
        DENIED,
        (
            """
        CREATE OR REPLACE FUNCTION tenancy.shop_context() RETURNS integer LANGUAGE sql
        AS 'SELECT 3'
    """,
        ),
    ),
    Attack("drop a policy", DENIED, ("DROP POLICY of_the_shop ON public.bookings",)),
    Attack(
        "disable row-level security",
        DENIED,
        ("ALTER TABLE public.bookings DISABLE ROW LEVEL SECURITY",),
    ),
    Attack("disable a trigger", DENIED, ("ALTER TABLE public.bookings DISABLE TRIGGER ALL",)),
    Attack("write past triggers", DENIED, ("SET LOCAL session_replication_role = replica",)),
]

ATTACKS = READ + WRITE + API + ROLE


def outcome(clerk: psycopg.Connection[Any], attack: Attack, at: Target) -> str:
    """The SQLSTATE that an attack ended with, NOTHING, OWN_ROWS, or the rows that it got."""
    notices: list[str] = []
    clerk.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    rows: list[tuple[Any, ...]] = []
    try:
        with clerk.transaction():
            if attack.context is not None:
                clerk.execute(attack.context)
            for statement in attack.statements:
                text = statement.format(**vars(at), own=OWN, other=OTHER)
                cursor = clerk.execute(text)
                rows = cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        return error.sqlstate or repr(error)
    finally:
        clerk.execute("DEALLOCATE ALL")
    if not rows:
        return NOTHING
    if {row[0] for row in rows} == {OWN} and {*notices} <= {str(OWN)}:
        return OWN_ROWS
    return f"{len(rows)} rows, the first: {rows[0]}; notices {sorted({*notices})}"


# What the shop must be able to do, each in a row at least.
RIGHTS = (
    "SELECT id FROM public.bookings",
    "SELECT id FROM public.customer_shop_profiles",
    "SELECT id FROM public.stylists",
    "SELECT id FROM public.services",
    "SELECT email FROM public.customers WHERE id = {own_customer}",
    "SELECT stylist_id FROM public.customer_stylist_preferences WHERE stylist_id = {own_stylist}",
    "SELECT preferred_style_text FROM public.customer_service_preferences",
    """
    INSERT INTO public.bookings (
        id, shop_id, service_id, stylist_id, discount_cents, start_at_utc, end_at_utc, status
    )
    VALUES (
        gen_random_uuid(), {own}, {own_service}, {own_stylist}, 0,
        '2042-01-01 10:00+00', '2042-01-01 10:30+00', 'HOLD'
    )
    RETURNING id
    """,
    "UPDATE public.bookings SET internal_notes = 'x' WHERE id = '{own_booking}' RETURNING id",
    "SELECT id FROM public.bookings WHERE id = '{own_booking}' FOR UPDATE",
    "DELETE FROM public.bookings WHERE id = '{own_booking}' RETURNING id",
    "SELECT * FROM tenancy.customer_context({own_customer}, {own})",
    "SELECT * FROM tenancy.record_booking({own_customer}, {own}, {own_stylist}, 100, now())",
    "SELECT * FROM tenancy.confirm_booking('{own_booking}', {own})",
    "SELECT * FROM tenancy.record_no_show({own_customer}, {own})",
    "SELECT * FROM tenancy.set_preferred_stylist({own_customer}, {own}, {own_stylist})",
    "SELECT * FROM tenancy.customers_by_preferred_stylist({own_stylist})",
    "SELECT tenancy.set_service_preference({own_customer}, {own_service}, 'x')",
    "SELECT tenancy.get_or_create_customer('{email}', NULL, NULL)",
    "SELECT c.* FROM public.customers AS n, tenancy.customer_by_email(n.email) AS c",
)


def denied_rights(clerk: psycopg.Connection[Any], at: Target) -> list[str]:
    """What the shop should be able to do and is not; nothing of it stays."""
    denied = []
    for statement in RIGHTS:
        try:
            with clerk.transaction(force_rollback=True):
                clerk.execute(IN_OWN)
                if (
                    clerk.execute(statement.format(**vars(at), own=OWN, other=OTHER)).fetchone()
                    is None
                ):
                    denied.append(f"no row: {statement}")
        except psycopg.Error as error:
            denied.append(f"{error.sqlstate}: {statement}")
    return denied
