"""A shop closes, as without this project: all that refers to it goes first."""

from __future__ import annotations


def close_shop(shop: int) -> str:
    """The statements, for one transaction."""
    return f"""
        UPDATE public.bookings SET secondary_service_id = NULL
        WHERE secondary_service_id IN (SELECT id FROM public.services WHERE shop_id = {shop});
        DELETE FROM public.bookings WHERE shop_id = {shop};
        DELETE FROM public.customer_stylist_preferences
        WHERE stylist_id IN (SELECT id FROM public.stylists WHERE shop_id = {shop});
        DELETE FROM public.customer_service_preferences
        WHERE service_id IN (SELECT id FROM public.services WHERE shop_id = {shop});
        DELETE FROM public.services WHERE shop_id = {shop};
        DELETE FROM public.stylists WHERE shop_id = {shop};
        DELETE FROM public.shops WHERE id = {shop};
    """


def prefer_nobody(shop: int) -> str:
    """Before it, on the legacy side: who preferred a stylist there."""
    return f"""
        UPDATE public.customers SET preferred_stylist_id = NULL
        WHERE preferred_stylist_id IN (SELECT id FROM public.stylists WHERE shop_id = {shop});
    """
