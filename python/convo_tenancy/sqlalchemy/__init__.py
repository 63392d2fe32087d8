"""For applications on SQLAlchemy, 2.0.37 or later, with asyncpg, psycopg or psycopg2.

    customer_memory     the legacy module's names, for Session and AsyncSession alike
    shop_context        the shop that the transactions of a session are about
    retries             a transaction that lost a race, again
    profiles            the profiles as a mapped class

All names are here. docs/drivers.md has examples, and what to take out of the models.
"""

from __future__ import annotations

from ..calls import Confirmation, Customer, CustomerContext, Profile
from ..races import sqlstate
from .customer_memory import (
    confirm_booking,
    get_customer_by_email,
    get_customer_by_phone,
    get_customer_context,
    get_customers_by_preferred_stylist,
    get_or_create_customer_by_identity,
    update_customer_stats,
)
from .profiles import CustomerShopProfileMixin
from .retries import retrying
from .shop_context import shop_context

__all__ = [
    "Confirmation",
    "Customer",
    "CustomerContext",
    "CustomerShopProfileMixin",
    "Profile",
    "confirm_booking",
    "get_customer_by_email",
    "get_customer_by_phone",
    "get_customer_context",
    "get_customers_by_preferred_stylist",
    "get_or_create_customer_by_identity",
    "retrying",
    "shop_context",
    "sqlstate",
    "update_customer_stats",
]
