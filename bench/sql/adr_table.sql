-- ADR-0001: the table, its foreign keys and both indexes.
CREATE TABLE public.customer_shop_profiles (
    id serial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES public.customers (id) ON DELETE CASCADE,
    shop_id integer NOT NULL REFERENCES public.shops (id) ON DELETE CASCADE,
    preferred_stylist_id integer REFERENCES public.stylists (id) ON DELETE SET NULL,
    total_bookings integer NOT NULL DEFAULT 0,
    total_spend_cents integer NOT NULL DEFAULT 0,
    last_booking_at timestamptz,
    no_show_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_customer_shop_profile UNIQUE (customer_id, shop_id)
);

CREATE INDEX idx_customer_shop_profiles_shop ON public.customer_shop_profiles (shop_id);
CREATE INDEX idx_customer_shop_profiles_customer ON public.customer_shop_profiles (customer_id);
