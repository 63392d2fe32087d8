"""The legacy application's four code paths, before and after they know the shop.

Each module is one of the paths that ADR-0001 names, four times: the legacy statements and what to
do instead, for SQLAlchemy's asyncio extension with asyncpg and for psycopg.

`drivers` and `models_by_shop` are the examples of docs/drivers.md.
"""
