-- The legacy schema, as the application's SQLAlchemy models create it and its boot-time ALTERs leave it.
--
-- Names, types, defaults and the absence of ON DELETE actions are the application's: the migration
-- must work on exactly this, and a full revert must give exactly this back.

CREATE TYPE public.bookingstatus AS ENUM ('HOLD', 'CONFIRMED', 'EXPIRED');

CREATE TYPE public.appointmentstatus AS ENUM (
    'SCHEDULED', 'IN_PROGRESS', 'RUNNING_LATE', 'COMPLETED', 'NO_SHOW'
);

CREATE TABLE public.shops (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT shops_pkey PRIMARY KEY (id),
    CONSTRAINT shops_name_key UNIQUE (name)
);

CREATE TABLE public.stylists (
    id serial NOT NULL,
    shop_id integer NOT NULL,
    name varchar(255) NOT NULL,
    work_start time NOT NULL,
    work_end time NOT NULL,
    active boolean NOT NULL,
    pin_hash varchar(64),
    pin_set_at_utc timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stylists_pkey PRIMARY KEY (id),
    CONSTRAINT uq_stylist_shop_name UNIQUE (shop_id, name),
    CONSTRAINT stylists_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops (id)
);
CREATE INDEX ix_stylists_shop_id ON public.stylists (shop_id);

CREATE TABLE public.services (
    id serial NOT NULL,
    shop_id integer NOT NULL,
    name varchar(255) NOT NULL,
    duration_minutes integer NOT NULL,
    price_cents integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT services_pkey PRIMARY KEY (id),
    CONSTRAINT uq_service_shop_name UNIQUE (shop_id, name),
    CONSTRAINT services_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops (id)
);
CREATE INDEX ix_services_shop_id ON public.services (shop_id);

CREATE TABLE public.bookings (
    id uuid NOT NULL,
    shop_id integer NOT NULL,
    service_id integer NOT NULL,
    secondary_service_id integer,
    stylist_id integer NOT NULL,
    customer_name varchar(255),
    customer_email varchar(255),
    customer_phone varchar(32),
    preferred_style_text text,
    preferred_style_image_url text,
    promo_id integer,
    discount_cents integer NOT NULL,
    start_at_utc timestamptz NOT NULL,
    end_at_utc timestamptz NOT NULL,
    status public.bookingstatus NOT NULL,
    hold_expires_at_utc timestamptz,
    sms_sent_at_utc timestamptz,
    appointment_status public.appointmentstatus NOT NULL DEFAULT 'SCHEDULED',
    appointment_status_updated_at_utc timestamptz,
    acknowledged_at_utc timestamptz,
    internal_notes text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bookings_pkey PRIMARY KEY (id),
    CONSTRAINT uq_booking_stylist_time_range UNIQUE (stylist_id, start_at_utc, end_at_utc),
    CONSTRAINT bookings_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops (id),
    CONSTRAINT bookings_service_id_fkey FOREIGN KEY (service_id) REFERENCES public.services (id),
    CONSTRAINT bookings_secondary_service_id_fkey
    FOREIGN KEY (secondary_service_id) REFERENCES public.services (id),
    CONSTRAINT bookings_stylist_id_fkey FOREIGN KEY (stylist_id) REFERENCES public.stylists (id)
);
CREATE INDEX ix_bookings_shop_id ON public.bookings (shop_id);
CREATE INDEX ix_bookings_service_id ON public.bookings (service_id);
CREATE INDEX ix_bookings_secondary_service_id ON public.bookings (secondary_service_id);
CREATE INDEX ix_bookings_stylist_id ON public.bookings (stylist_id);
CREATE INDEX ix_bookings_customer_email ON public.bookings (customer_email);
CREATE INDEX ix_bookings_customer_phone ON public.bookings (customer_phone);
CREATE INDEX ix_bookings_start_at_utc ON public.bookings (start_at_utc);
CREATE INDEX ix_bookings_end_at_utc ON public.bookings (end_at_utc);

-- email is nullable: every boot of the application drops NOT NULL, so phone-only customers exist.
CREATE TABLE public.customers (
    id serial NOT NULL,
    email varchar(255),
    phone varchar(32),
    name varchar(255),
    preferred_stylist_id integer,
    average_spend_cents integer NOT NULL,
    no_show_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customers_pkey PRIMARY KEY (id),
    CONSTRAINT customers_preferred_stylist_id_fkey
    FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists (id)
);
CREATE UNIQUE INDEX ix_customers_email ON public.customers (email);
CREATE INDEX ix_customers_phone ON public.customers (phone);

CREATE TABLE public.customer_booking_stats (
    customer_id integer NOT NULL,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    last_booking_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customer_booking_stats_pkey PRIMARY KEY (customer_id),
    CONSTRAINT customer_booking_stats_customer_id_fkey
    FOREIGN KEY (customer_id) REFERENCES public.customers (id)
);

CREATE TABLE public.customer_stylist_preferences (
    id serial NOT NULL,
    customer_id integer NOT NULL,
    stylist_id integer NOT NULL,
    booking_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customer_stylist_preferences_pkey PRIMARY KEY (id),
    CONSTRAINT uq_customer_stylist_preference UNIQUE (customer_id, stylist_id),
    CONSTRAINT customer_stylist_preferences_customer_id_fkey
    FOREIGN KEY (customer_id) REFERENCES public.customers (id),
    CONSTRAINT customer_stylist_preferences_stylist_id_fkey
    FOREIGN KEY (stylist_id) REFERENCES public.stylists (id)
);
CREATE INDEX ix_customer_stylist_preferences_customer_id
ON public.customer_stylist_preferences (customer_id);
CREATE INDEX ix_customer_stylist_preferences_stylist_id
ON public.customer_stylist_preferences (stylist_id);

CREATE TABLE public.customer_service_preferences (
    id serial NOT NULL,
    customer_id integer NOT NULL,
    service_id integer NOT NULL,
    preferred_style_text text,
    preferred_style_image_url text,
    updated_at_utc timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customer_service_preferences_pkey PRIMARY KEY (id),
    CONSTRAINT uq_customer_service_preference UNIQUE (customer_id, service_id),
    CONSTRAINT customer_service_preferences_customer_id_fkey
    FOREIGN KEY (customer_id) REFERENCES public.customers (id),
    CONSTRAINT customer_service_preferences_service_id_fkey
    FOREIGN KEY (service_id) REFERENCES public.services (id)
);
CREATE INDEX ix_customer_service_preferences_customer_id
ON public.customer_service_preferences (customer_id);
CREATE INDEX ix_customer_service_preferences_service_id
ON public.customer_service_preferences (service_id);
