"""What keeps the attacks from succeeding, one by one, and the statement that takes it away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

TABLES = (
    "bookings",
    "customer_service_preferences",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "customers",
    "services",
    "stylists",
)


@dataclass(frozen=True)
class Defence:
    """Taken away by the statement, or by the change of a text in a function."""

    name: str
    statement: str = ""
    function: str = ""
    text: str = ""
    instead: str = ""

    def take_away(self, owner: psycopg.Connection[Any]) -> None:
        """In the transaction of the owner."""
        statement = self.statement
        if self.function:
            row = owner.execute(
                "SELECT pg_get_functiondef(%s::regproc)", (f"tenancy.{self.function}",)
            ).fetchone()
            assert row is not None
            assert self.text in row[0]
            statement = row[0].replace(self.text, self.instead)
        owner.execute(statement)


def _policies() -> Iterator[Defence]:
    for table in TABLES:
        for policy in ("as_before", "of_the_shop"):
            yield Defence(f"{policy} on {table}", f"DROP POLICY {policy} ON public.{table}")


def _rights() -> Iterator[Defence]:
    for right, relation in (
        *((f"SELECT ({column})", "stylists") for column in ("pin_hash", "pin_set_at_utc")),
        *((f"SELECT ({column})", "customers") for column in ("created_at", "updated_at")),
        ("SELECT (id)", "customer_stylist_preferences"),
        ("SELECT (id)", "customer_service_preferences"),
        *(("SELECT", table) for table in TABLES),
        *(("UPDATE (id)", table) for table in ("bookings", "customer_shop_profiles", "stylists")),
        *(
            (f"UPDATE ({column})", "customer_shop_profiles")
            for column in (
                "created_at",
                "customer_id",
                "last_booking_at",
                "no_show_count",
                "preferred_stylist_id",
                "total_bookings",
                "total_spend_cents",
                "updated_at",
            )
        ),
        ("UPDATE (created_at)", "bookings"),
        ("UPDATE (name)", "customers"),
        ("UPDATE (preferred_style_text)", "customer_service_preferences"),
        ("DELETE", "customer_service_preferences"),
        *(("USAGE", f"SEQUENCE public.{table}_id_seq") for table in TABLES[1:3]),
        ("SELECT", "SEQUENCE public.customers_id_seq"),
        ("SELECT", "tenancy.introductions"),
        ("DELETE, SELECT", "tenancy.introductions"),
        ("UPDATE (introductions_per_hour)", "tenancy.settings"),
        ("UPDATE", "SEQUENCE tenancy.introductions_id_seq"),
        ("SELECT", "tenancy.customer_bookings"),
        ("EXECUTE", "FUNCTION tenancy.customer_of(text, text)"),
    ):
        on = relation if "." in relation else f"public.{relation}"
        yield Defence(f"no {right} on {relation}", f"GRANT {right} ON {on} TO convo_shop")


DEFENCES = (
    *_policies(),
    *_rights(),
    Defence(
        "bounds of a booking's times",
        """
        ALTER POLICY of_the_shop ON public.bookings WITH CHECK (
            shop_id = tenancy.shop_context()
            AND EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id)
            AND EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id)
        )
        """,
    ),
    Defence(
        "bounds of an amount",
        function="record_booking",
        text="spend_cents NOT BETWEEN 0 AND most_cents",
        instead="FALSE",
    ),
    Defence(
        "bounds of a time",
        function="record_booking",
        text="(booked_at >= '1970-01-01 00:00+00' AND booked_at < '2100-01-01 00:00+00')",
        instead="(booked_at IS NOT NULL)",
    ),
    Defence(
        "a bound of totals",
        function="record_booking",
        text="profile.total_spend_cents > most_total_cents",
        instead="FALSE",
    ),
    Defence(
        "access before the shop",
        function="customer_context",
        text="IF tenancy.is_restricted()",
        instead="PERFORM tenancy.check_shop(wanted_shop_id); IF tenancy.is_restricted()",
    ),
    *(
        Defence(
            f"the caller's bond in {function}",
            function=function,
            text="tenancy.is_restricted()",
            instead="FALSE",
        )
        for function in (
            "customer_by_email",
            "customer_by_phone",
            "customer_context",
            "customers_by_preferred_stylist",
            "get_or_create_customer",
            "record_booking",
            "record_no_show",
            "set_preferred_stylist",
            "set_service_preference",
        )
    ),
    Defence(
        "confirm_booking with the rights of who calls",
        "ALTER FUNCTION tenancy.confirm_booking SECURITY DEFINER",
    ),
    Defence("what a shop knows", function="shop_knows", text="RETURN FOUND", instead="RETURN TRUE"),
    Defence(
        "the limit of a shop",
        function="count_introduction",
        text="counted.by_this > counted.allowed",
        instead="FALSE",
    ),
    Defence(
        "the limit of what is taken back",
        function="count_introduction",
        text="attempt - before_first - counted.by_all >= 10 * counted.allowed",
        instead="FALSE",
    ),
    Defence(
        "what a shop did not know is counted",
        function="get_or_create_customer",
        text="PERFORM tenancy.count_introduction(shop)",
        instead="NULL",
    ),
    Defence(
        "who logged in is counted, whatever SET ROLE says",
        function="count_introduction",
        text="session_user",
        instead="tenancy.caller()",
    ),
)
