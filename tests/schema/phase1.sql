CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO pg_database_owner;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE TYPE public.appointmentstatus AS ENUM (
    'SCHEDULED',
    'IN_PROGRESS',
    'RUNNING_LATE',
    'COMPLETED',
    'NO_SHOW'
);
ALTER TYPE public.appointmentstatus OWNER TO postgres;
CREATE TYPE public.bookingstatus AS ENUM (
    'HOLD',
    'CONFIRMED',
    'EXPIRED'
);
ALTER TYPE public.bookingstatus OWNER TO postgres;
CREATE TABLE public.bookings (
    acknowledged_at_utc timestamp with time zone,
    appointment_status public.appointmentstatus DEFAULT 'SCHEDULED'::public.appointmentstatus NOT NULL,
    appointment_status_updated_at_utc timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_email character varying(255),
    customer_name character varying(255),
    customer_phone character varying(32),
    discount_cents integer NOT NULL,
    end_at_utc timestamp with time zone NOT NULL,
    hold_expires_at_utc timestamp with time zone,
    id uuid NOT NULL,
    internal_notes text,
    preferred_style_image_url text,
    preferred_style_text text,
    promo_id integer,
    secondary_service_id integer,
    service_id integer NOT NULL,
    shop_id integer NOT NULL,
    sms_sent_at_utc timestamp with time zone,
    start_at_utc timestamp with time zone NOT NULL,
    status public.bookingstatus NOT NULL,
    stylist_id integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.bookings OWNER TO postgres;
CREATE TABLE public.customers (
    average_spend_cents integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    email character varying(255),
    id integer NOT NULL,
    name character varying(255),
    no_show_count integer NOT NULL,
    phone character varying(32),
    preferred_stylist_id integer,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customers OWNER TO postgres;
CREATE TABLE public.customer_booking_stats (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    last_booking_at timestamp with time zone,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_booking_stats OWNER TO postgres;
CREATE TABLE public.customer_service_preferences (
    customer_id integer NOT NULL,
    id integer NOT NULL,
    preferred_style_image_url text,
    preferred_style_text text,
    service_id integer NOT NULL,
    updated_at_utc timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_service_preferences OWNER TO postgres;
CREATE SEQUENCE public.customer_service_preferences_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_service_preferences_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_service_preferences_id_seq OWNED BY public.customer_service_preferences.id;
CREATE TABLE public.customer_shop_profiles (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    id integer NOT NULL,
    last_booking_at timestamp with time zone,
    no_show_count integer DEFAULT 0 NOT NULL,
    preferred_stylist_id integer,
    shop_id integer NOT NULL,
    total_bookings integer DEFAULT 0 NOT NULL,
    total_spend_cents integer DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='90');
ALTER TABLE public.customer_shop_profiles OWNER TO postgres;
COMMENT ON TABLE public.customer_shop_profiles IS 'A customer''s statistics and preferences in one shop. Customers themselves are global (ADR-0001).';
COMMENT ON COLUMN public.customer_shop_profiles.created_at IS 'When the profile was made, by the backfill or by a first booking.';
COMMENT ON COLUMN public.customer_shop_profiles.customer_id IS 'The customer, whom all shops share. Deleting the customer deletes the profile.';
COMMENT ON COLUMN public.customer_shop_profiles.id IS 'Surrogate key; (customer_id, shop_id) is the natural one.';
COMMENT ON COLUMN public.customer_shop_profiles.last_booking_at IS 'Start of the booking in this shop that was counted last (not the latest start).';
COMMENT ON COLUMN public.customer_shop_profiles.no_show_count IS 'Bookings in this shop that the customer did not keep.';
COMMENT ON COLUMN public.customer_shop_profiles.preferred_stylist_id IS 'The stylist of this shop whom the customer prefers; NULL for nobody.';
COMMENT ON COLUMN public.customer_shop_profiles.shop_id IS 'The shop. Deleting the shop deletes the profile.';
COMMENT ON COLUMN public.customer_shop_profiles.total_bookings IS 'Bookings counted for this customer in this shop.';
COMMENT ON COLUMN public.customer_shop_profiles.total_spend_cents IS 'List price of the primary services of those bookings, in cents.';
COMMENT ON COLUMN public.customer_shop_profiles.updated_at IS 'When the profile was last written.';
CREATE SEQUENCE public.customer_shop_profiles_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_shop_profiles_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_shop_profiles_id_seq OWNED BY public.customer_shop_profiles.id;
CREATE TABLE public.customer_stylist_preferences (
    booking_count integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    id integer NOT NULL,
    stylist_id integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_stylist_preferences OWNER TO postgres;
CREATE SEQUENCE public.customer_stylist_preferences_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_stylist_preferences_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_stylist_preferences_id_seq OWNED BY public.customer_stylist_preferences.id;
CREATE SEQUENCE public.customers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customers_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customers_id_seq OWNED BY public.customers.id;
CREATE TABLE public.services (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_minutes integer NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    price_cents integer NOT NULL,
    shop_id integer NOT NULL
);
ALTER TABLE public.services OWNER TO postgres;
CREATE SEQUENCE public.services_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.services_id_seq OWNER TO postgres;
ALTER SEQUENCE public.services_id_seq OWNED BY public.services.id;
CREATE TABLE public.shops (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL
);
ALTER TABLE public.shops OWNER TO postgres;
CREATE SEQUENCE public.shops_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.shops_id_seq OWNER TO postgres;
ALTER SEQUENCE public.shops_id_seq OWNED BY public.shops.id;
CREATE TABLE public.stylists (
    active boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    pin_hash character varying(64),
    pin_set_at_utc timestamp with time zone,
    shop_id integer NOT NULL,
    work_end time without time zone NOT NULL,
    work_start time without time zone NOT NULL
);
ALTER TABLE public.stylists OWNER TO postgres;
CREATE SEQUENCE public.stylists_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.stylists_id_seq OWNER TO postgres;
ALTER SEQUENCE public.stylists_id_seq OWNED BY public.stylists.id;
ALTER TABLE ONLY public.customer_service_preferences ALTER COLUMN id SET DEFAULT nextval('public.customer_service_preferences_id_seq'::regclass);
ALTER TABLE ONLY public.customer_shop_profiles ALTER COLUMN id SET DEFAULT nextval('public.customer_shop_profiles_id_seq'::regclass);
ALTER TABLE ONLY public.customer_stylist_preferences ALTER COLUMN id SET DEFAULT nextval('public.customer_stylist_preferences_id_seq'::regclass);
ALTER TABLE ONLY public.customers ALTER COLUMN id SET DEFAULT nextval('public.customers_id_seq'::regclass);
ALTER TABLE ONLY public.services ALTER COLUMN id SET DEFAULT nextval('public.services_id_seq'::regclass);
ALTER TABLE ONLY public.shops ALTER COLUMN id SET DEFAULT nextval('public.shops_id_seq'::regclass);
ALTER TABLE ONLY public.stylists ALTER COLUMN id SET DEFAULT nextval('public.stylists_id_seq'::regclass);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_booking_stats
    ADD CONSTRAINT customer_booking_stats_pkey PRIMARY KEY (customer_id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.shops
    ADD CONSTRAINT shops_name_key UNIQUE (name);
ALTER TABLE ONLY public.shops
    ADD CONSTRAINT shops_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT stylists_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT uq_booking_stylist_time_range UNIQUE (stylist_id, start_at_utc, end_at_utc);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT uq_customer_service_preference UNIQUE (customer_id, service_id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT uq_customer_shop_profile UNIQUE (customer_id, shop_id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT uq_customer_stylist_preference UNIQUE (customer_id, stylist_id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT uq_service_shop_name UNIQUE (shop_id, name);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT uq_stylist_shop_name UNIQUE (shop_id, name);
CREATE INDEX idx_customer_shop_profiles_customer ON public.customer_shop_profiles USING btree (customer_id);
CREATE INDEX idx_customer_shop_profiles_shop ON public.customer_shop_profiles USING btree (shop_id);
CREATE INDEX ix_bookings_customer_email ON public.bookings USING btree (customer_email);
CREATE INDEX ix_bookings_customer_phone ON public.bookings USING btree (customer_phone);
CREATE INDEX ix_bookings_end_at_utc ON public.bookings USING btree (end_at_utc);
CREATE INDEX ix_bookings_secondary_service_id ON public.bookings USING btree (secondary_service_id);
CREATE INDEX ix_bookings_service_id ON public.bookings USING btree (service_id);
CREATE INDEX ix_bookings_shop_id ON public.bookings USING btree (shop_id);
CREATE INDEX ix_bookings_start_at_utc ON public.bookings USING btree (start_at_utc);
CREATE INDEX ix_bookings_stylist_id ON public.bookings USING btree (stylist_id);
CREATE INDEX ix_customer_service_preferences_customer_id ON public.customer_service_preferences USING btree (customer_id);
CREATE INDEX ix_customer_service_preferences_service_id ON public.customer_service_preferences USING btree (service_id);
CREATE INDEX ix_customer_stylist_preferences_customer_id ON public.customer_stylist_preferences USING btree (customer_id);
CREATE INDEX ix_customer_stylist_preferences_stylist_id ON public.customer_stylist_preferences USING btree (stylist_id);
CREATE UNIQUE INDEX ix_customers_email ON public.customers USING btree (email);
CREATE INDEX ix_customers_phone ON public.customers USING btree (phone);
CREATE INDEX ix_services_shop_id ON public.services USING btree (shop_id);
CREATE INDEX ix_stylists_shop_id ON public.stylists USING btree (shop_id);
CREATE UNIQUE INDEX stylists_id_shop_id_key ON public.stylists USING btree (id, shop_id);
COMMENT ON INDEX public.stylists_id_shop_id_key IS 'Lets customer_shop_profiles refer to a stylist together with the shop, so that a preferred stylist works in that shop.';
CREATE TRIGGER forget_customers AFTER DELETE ON public.customers REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION tenancy.forget_customers();
COMMENT ON TRIGGER forget_customers ON public.customers IS 'Deletes what schema tenancy holds of a deleted customer.';
CREATE TRIGGER record_origin AFTER UPDATE ON public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION tenancy.record_origin();
COMMENT ON TRIGGER record_origin ON public.customer_shop_profiles IS 'Records an updated profile in tenancy.profile_origins.';
CREATE TRIGGER record_origin_of_deleted AFTER DELETE ON public.customer_shop_profiles REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tenancy.record_origins();
COMMENT ON TRIGGER record_origin_of_deleted ON public.customer_shop_profiles IS 'Records a deleted profile in tenancy.profile_origins.';
CREATE TRIGGER record_origin_of_new AFTER INSERT ON public.customer_shop_profiles REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tenancy.record_origins();
COMMENT ON TRIGGER record_origin_of_new ON public.customer_shop_profiles IS 'Records an inserted profile in tenancy.profile_origins.';
CREATE TRIGGER shop_changes_id BEFORE UPDATE OF id ON public.shops FOR EACH ROW WHEN ((new.id <> old.id)) EXECUTE FUNCTION tenancy.keep_shop_history();
COMMENT ON TRIGGER shop_changes_id ON public.shops IS 'Refuses to change the id of the default shop.';
CREATE TRIGGER shop_closes BEFORE DELETE ON public.shops FOR EACH ROW EXECUTE FUNCTION tenancy.keep_shop_history();
COMMENT ON TRIGGER shop_closes ON public.shops IS 'Moves what the shop''s profiles count to the default shop; refuses to delete that one.';
CREATE TRIGGER shops_truncated BEFORE TRUNCATE ON public.shops FOR EACH STATEMENT EXECUTE FUNCTION tenancy.keep_shop_history();
COMMENT ON TRIGGER shops_truncated ON public.shops IS 'Refuses TRUNCATE, which would remove the default shop.';
CREATE TRIGGER stylist_arrives AFTER UPDATE OF shop_id ON public.stylists FOR EACH ROW WHEN ((old.shop_id IS DISTINCT FROM new.shop_id)) EXECUTE FUNCTION tenancy.set_stylist_preferences();
COMMENT ON TRIGGER stylist_arrives ON public.stylists IS 'Makes the stylist preferred in the new shop, for customers whose legacy side says so.';
CREATE TRIGGER stylist_leaves BEFORE DELETE OR UPDATE OF shop_id ON public.stylists FOR EACH ROW EXECUTE FUNCTION tenancy.clear_stylist_preferences();
COMMENT ON TRIGGER stylist_leaves ON public.stylists IS 'Clears the stylist from the profiles of the old shop.';
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_secondary_service_id_fkey FOREIGN KEY (secondary_service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_service_id_fkey FOREIGN KEY (service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_stylist_id_fkey FOREIGN KEY (stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.customer_booking_stats
    ADD CONSTRAINT customer_booking_stats_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_service_id_fkey FOREIGN KEY (service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey FOREIGN KEY (preferred_stylist_id, shop_id) REFERENCES public.stylists(id, shop_id) ON DELETE SET NULL (preferred_stylist_id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_stylist_id_fkey FOREIGN KEY (stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_preferred_stylist_id_fkey FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT stylists_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
