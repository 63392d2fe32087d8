"""The switch of isolation, and the roles of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .commands import execute, psql, value

OWNER = "convo_owner"
"""An ordinary role that has the tables."""

TABLES = (
    "bookings",
    "customer_service_preferences",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "customers",
    "services",
    "stylists",
)
"""What isolation is about."""


def give_tables(schema: str, role: str) -> str:
    """The statement that makes the role the owner of all tables of the schema."""
    return f"""
        DO $$
        DECLARE
            t regclass;
        BEGIN
            FOR t IN SELECT c.oid FROM pg_class AS c
                WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind = 'r'
            LOOP
                EXECUTE format('ALTER TABLE %s OWNER TO {role}', t);
            END LOOP;
        END;
        $$
    """


def isolate(url: str) -> None:
    """Turn it on."""
    execute(url, "CALL tenancy.enforce_isolation()")


def state(url: str) -> str:
    """off, enforcing, on or relaxing."""
    return value(url, "SELECT state FROM tenancy.isolation")


def secured(url: str) -> list[str]:
    """The tables that have row-level security on."""
    statement = """
        SELECT c.relname FROM pg_class AS c
        WHERE c.relrowsecurity AND c.relnamespace = 'public'::regnamespace ORDER BY 1
    """
    return value(url, statement).split()


def granted(url: str) -> list[str]:
    """The tables on which convo_shop has a right."""
    statement = """
        SELECT DISTINCT c.relname
        FROM pg_class AS c
        LEFT JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attacl IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT * FROM aclexplode(c.relacl) UNION ALL SELECT * FROM aclexplode(t.attacl)
        ) AS a
        WHERE c.relkind IN ('r', 'v', 'm') AND a.grantee = to_regrole('convo_shop')
        ORDER BY 1
    """
    return value(url, statement).split()


def findings(url: str) -> list[str]:
    """Names of what keeps isolation from being what it should be."""
    statement = """
        SELECT f.name FROM tenancy.isolation_findings AS f WHERE NOT f.is_overridden
        ORDER BY f.finding, f.name
    """
    return psql(
        url, "-At", "-c", "SET search_path = pg_catalog", "-c", statement
    ).stdout.splitlines()


def as_role(url: str, role: str) -> str:
    """The URL for who logs in as this role."""
    return url.replace("postgres@", f"{role}@")


@contextmanager
def roles(url: str, *names: str) -> Iterator[None]:
    """These roles can log in, for as long as this lasts; what they got in the database goes too."""
    listed = ", ".join(names)
    execute(url, "; ".join(f"CREATE ROLE {name} LOGIN" for name in names))
    try:
        yield
    finally:
        execute(url, f"DROP OWNED BY {listed} CASCADE", f"DROP ROLE {listed}")
