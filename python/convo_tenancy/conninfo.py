"""DATABASE_URL as libpq reads it, or as an application's SQLAlchemy does.

Only the standard library is imported: the scripts run this file before anything is installed. It
prints DATABASE_URL as a libpq URI, which psql, Sqitch and psycopg take.
"""

from __future__ import annotations

import os
import re
import sys
from urllib.parse import parse_qsl, quote, unquote

NOT_A_URI = (
    "is not a URI like postgresql://user@host:5432/database;"
    " in a password write @ as %40, / as %2F, % as %25"
)
"""Of an URL that would be misread: how to write it."""

# As SQLAlchemy takes an URL apart (sqlalchemy.engine.make_url): a password may hold a / or a :.
_SQLALCHEMY = re.compile(
    r"""
    postgres(?:ql)?\+\w+://
    (?: (?P<user>[^:/]*) (?: : (?P<password>[^@]*) )? @ )?
    (?P<server>[^/?]*)
    (?: / (?P<dbname>[^?]*) )?
    (?: \? (?P<query>.*) )?
    """,
    re.VERBOSE | re.DOTALL,
)
_HOST_AND_PORT = re.compile(r"([\w.-]*):(\d*)")
_OTHER_NAMES = {"ssl": "sslmode", "database": "dbname"}

# What a driver or dialect is told about itself. It does not say which database is meant.
_OF_THE_DRIVER = {
    "async_fallback",
    "command_timeout",
    "direct_tls",
    "executemany_mode",
    "max_cacheable_statement_size",
    "max_cached_statement_lifetime",
    "plugin",
    "prepare_threshold",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
    "timeout",
    "use_native_hstore",
}


def libpq_uri(url: str) -> str:
    """The libpq URI of the database that an URL means.

    Args:
        url: a libpq URI, which comes back unchanged; or an URL of SQLAlchemy, with a driver
            (postgresql+asyncpg://...) and that driver's arguments.

    Raises:
        ValueError: it is neither; the text says how to write it, and shows nothing of the URL.
    """
    if sqlalchemy := _SQLALCHEMY.fullmatch(url):
        return _from_sqlalchemy(**sqlalchemy.groupdict())
    scheme, found, rest = url.partition("://")
    server, _, path = rest.partition("/")
    # A password with @ or / in it would be taken for a host, a port or a database, and shown.
    is_misread = server.count("@") > 1 or ("@" in path.partition("?")[0] and "@" not in server)
    if not found or scheme not in ("postgresql", "postgres") or is_misread:
        raise ValueError(NOT_A_URI)
    return url


def _from_sqlalchemy(
    user: str | None, password: str | None, server: str, dbname: str | None, query: str | None
) -> str:
    if "@" in server:
        raise ValueError(NOT_A_URI)
    result = "postgresql://"
    if user is not None:
        result += quote(unquote(user), safe="")
        if password is not None:
            result += ":" + quote(unquote(password), safe="")
        result += "@"
    result += server
    if dbname:
        result += "/" + quote(unquote(dbname), safe="")
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query or "", keep_blank_values=True):
        if name not in _OF_THE_DRIVER:
            values.setdefault(_OTHER_NAMES.get(name, name), []).append(value)
    # Several servers: ?host=one:5432&host=two:5433
    hosts = [_HOST_AND_PORT.fullmatch(value) for value in values.get("host", [])]
    if any(hosts):
        values["port"] = [match[2] if match else "" for match in hosts]
        values["host"] = [
            match[1] if match else value for match, value in zip(hosts, values["host"], strict=True)
        ]
    pairs = (f"{quote(name)}={quote(','.join(each), safe=',/')}" for name, each in values.items())
    return result + "?" * bool(values) + "&".join(pairs)


if __name__ == "__main__":
    try:
        print(libpq_uri(os.environ["DATABASE_URL"]))
    except ValueError as error:
        sys.exit(f"DATABASE_URL {error}")
