"""Health check and backfill control for the move of customer statistics to per-shop profiles."""

from importlib.metadata import version

__version__ = version("convo-tenancy")
