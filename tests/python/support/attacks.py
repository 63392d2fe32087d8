"""What a member of convo_shop, in the context of one shop, tries against another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg

OWN, OTHER = 2, 3  # shops of the recorded database; not the default one, which knows everybody
IN_OWN: LiteralString = f"SET LOCAL app.current_shop_id = '{OWN}'"

DENIED = "42501"  # no right, or refused by a policy
UNKNOWN = "23503"  # as for somebody or something that does not exist
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
        SELECT p.customer_id, c.email
        FROM public.customer_shop_profiles AS p
        JOIN public.customers AS c ON c.id = p.customer_id
        WHERE p.shop_id = %s
            AND c.email IS NOT NULL
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
    customer, email = first(stranger, OTHER, OWN, OWN)
    own_customer, _ = first(stranger, OWN, OTHER, OTHER)
    other, own = first(booking, OTHER), first(booking, OWN)
    return Target(
        customer, email, other[1], other[2], other[0], own_customer, own[1], own[2], own[0]
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
            SELECT id FROM public.customer_stylist_preferences WHERE stylist_id = {stylist}
        """,
        "service preferences": """
            SELECT id FROM public.customer_service_preferences WHERE service_id = {service}
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
    Attack("read a PIN", DENIED, ("SELECT pin_hash FROM public.stylists",)),
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
        "change another shop's profile",
        NOTHING,
        (
            f"""
        UPDATE public.customer_shop_profiles SET total_bookings = 0
        WHERE shop_id = {OTHER}
        RETURNING id
    """,
        ),
    ),
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
        "delete another shop's service preferences",
        NOTHING,
        (
            """
        DELETE FROM public.customer_service_preferences WHERE service_id = {service} RETURNING id
    """,
        ),
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
    Attack("COPY bookings in", DENIED, ("COPY public.customers (email) FROM STDIN",)),
    Attack("change a customer", DENIED, ("UPDATE public.customers SET name = 'x'",)),
    Attack(
        "write counts",
        DENIED,
        ("UPDATE public.customer_stylist_preferences SET booking_count = 9",),
    ),
    Attack("TRUNCATE", DENIED, ("TRUNCATE public.bookings",)),
    Attack("LOCK TABLE", DENIED, ("LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE",)),
    Attack("draw ids", DENIED, ("SELECT nextval('public.customer_shop_profiles_id_seq')",)),
    Attack(
        "read how many ids were drawn", DENIED, ("SELECT last_value FROM public.customers_id_seq",)
    ),
    Attack(
        "set a sequence back",
        DENIED,
        ("SELECT setval('public.customer_service_preferences_id_seq', 1)",),
    ),
]

API = [
    *(
        Attack(
            f"{call.partition('(')[0]} of another shop", DENIED, (f"SELECT * FROM tenancy.{call}",)
        )
        for call in (
            f"customer_context({{customer}}, {OTHER})",
            f"record_booking({{customer}}, {OTHER}, {{stylist}}, 1, now())",
            f"record_no_show({{customer}}, {OTHER})",
            f"set_preferred_stylist({{customer}}, {OTHER}, {{stylist}})",
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
    Attack(
        "look somebody up without a context",
        NOTHING,
        ("SELECT * FROM tenancy.customer_by_email('{email}')",),
        None,
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
            "count_legacy_write({own})",
            "note_write('legacy', {customer}, 'bookings')",
            "raise_guard()",
            "is_mirroring()",
            "claim_backfill()",
            "take_key()",
            "queue_for_customer('{email}', NULL)",
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
    "SELECT id FROM public.customer_stylist_preferences WHERE stylist_id = {own_stylist}",
    "SELECT id FROM public.customer_service_preferences",
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
    """
    UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 1
    WHERE customer_id = {own_customer}
    RETURNING id
    """,
    "SELECT * FROM tenancy.customer_context({own_customer}, {own})",
    "SELECT * FROM tenancy.record_booking({own_customer}, {own}, {own_stylist}, 100, now())",
    "SELECT * FROM tenancy.record_no_show({own_customer}, {own})",
    "SELECT * FROM tenancy.set_preferred_stylist({own_customer}, {own}, {own_stylist})",
    "SELECT * FROM tenancy.customers_by_preferred_stylist({own_stylist})",
    "SELECT * FROM tenancy.customer_by_email('{email}')",
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
