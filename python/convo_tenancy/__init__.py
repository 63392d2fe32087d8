"""The move of customer statistics to per-shop profiles: what the application calls, and operators.

For the application, customer_memory, shop_context and retries. For operators, the command line
convo-tenancy: health check, backfill control, repair.
"""

from importlib.metadata import version

__version__ = version("convo-tenancy")
