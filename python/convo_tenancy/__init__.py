"""The move of customer statistics to per-shop profiles: what the application calls, and operators.

For the application, by its driver: convo_tenancy.sqlalchemy, convo_tenancy.asyncpg, and for psycopg
customer_memory, shop_context and retries. For operators, the command line convo-tenancy: health
check, backfill control, repair.

Each module needs only what its extra in the package's metadata brings; docs/drivers.md lists them.
"""
