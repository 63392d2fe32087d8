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
CREATE TABLE public.customer_shop_profiles (
    CONSTRAINT customer_shop_profiles_check CHECK ((LEAST(total_bookings, total_spend_cents, no_show_count) >= 0)),
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
    average_spend_cents integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    email character varying(255),
    id integer NOT NULL,
    name character varying(255),
    no_show_count integer DEFAULT 0 NOT NULL,
    phone character varying(32),
    preferred_stylist_id integer,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customers OWNER TO postgres;
COMMENT ON COLUMN public.customers.average_spend_cents IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: read tenancy.customer_context(), or tenancy.customer_totals for all shops.';
COMMENT ON COLUMN public.customers.no_show_count IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_no_show(), read customer_shop_profiles.no_show_count.';
COMMENT ON COLUMN public.customers.preferred_stylist_id IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.set_preferred_stylist(), read customer_shop_profiles.preferred_stylist_id.';
CREATE TABLE public.customer_booking_stats (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    last_booking_at timestamp with time zone,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_booking_stats OWNER TO postgres;
COMMENT ON TABLE public.customer_booking_stats IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_booking(), read customer_shop_profiles, or tenancy.customer_totals for all shops. Mirrored until then.';
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
CREATE TRIGGER confirm_booking BEFORE UPDATE ON public.bookings FOR EACH ROW WHEN (((new.status = 'CONFIRMED'::public.bookingstatus) AND (old.status <> 'CONFIRMED'::public.bookingstatus) AND ((row_security_active(('public.bookings'::regclass)::oid) AND pg_has_role((to_regrole('convo_shop'::text))::oid, 'USAGE'::text)) IS NOT TRUE))) EXECUTE FUNCTION tenancy.note_confirmed_booking();
COMMENT ON TRIGGER confirm_booking ON public.bookings IS 'Locks the customer of a booking that turns CONFIRMED.';
CREATE TRIGGER confirm_new_booking BEFORE INSERT ON public.bookings FOR EACH ROW WHEN (((new.status = 'CONFIRMED'::public.bookingstatus) AND ((row_security_active(('public.bookings'::regclass)::oid) AND pg_has_role((to_regrole('convo_shop'::text))::oid, 'USAGE'::text)) IS NOT TRUE))) EXECUTE FUNCTION tenancy.note_confirmed_booking();
COMMENT ON TRIGGER confirm_new_booking ON public.bookings IS 'Locks the customer of a booking that is inserted as CONFIRMED.';
CREATE TRIGGER forget_customers AFTER DELETE ON public.customers REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION tenancy.forget_customers();
COMMENT ON TRIGGER forget_customers ON public.customers IS 'Deletes what schema tenancy holds of a deleted customer.';
CREATE TRIGGER mark_unproven_booking AFTER INSERT OR UPDATE ON public.bookings FOR EACH ROW WHEN ((row_security_active(('public.bookings'::regclass)::oid) AND pg_has_role((to_regrole('convo_shop'::text))::oid, 'USAGE'::text))) EXECUTE FUNCTION tenancy.mark_unproven_booking();
COMMENT ON TRIGGER mark_unproven_booking ON public.bookings IS 'Notes which bookings a shop''s role wrote.';
CREATE TRIGGER mirror_customer_to_profiles AFTER UPDATE ON public.customers FOR EACH ROW WHEN (((new.preferred_stylist_id IS DISTINCT FROM old.preferred_stylist_id) OR (new.no_show_count <> old.no_show_count))) EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
COMMENT ON TRIGGER mirror_customer_to_profiles ON public.customers IS 'Mirror: carries no-shows and preferred stylist to the profiles.';
CREATE TRIGGER mirror_new_customer_to_profiles AFTER INSERT ON public.customers FOR EACH ROW WHEN (((new.preferred_stylist_id IS NOT NULL) OR (new.no_show_count <> 0))) EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
COMMENT ON TRIGGER mirror_new_customer_to_profiles ON public.customers IS 'Mirror: carries a new customer''s no-shows and preferred stylist to the profiles.';
CREATE TRIGGER mirror_profile_to_legacy AFTER INSERT OR DELETE OR UPDATE ON public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy();
COMMENT ON TRIGGER mirror_profile_to_legacy ON public.customer_shop_profiles IS 'Mirror: carries a profile to customer_booking_stats and customers.';
CREATE TRIGGER mirror_statistics_to_profiles AFTER INSERT OR DELETE OR UPDATE ON public.customer_booking_stats FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles();
COMMENT ON TRIGGER mirror_statistics_to_profiles ON public.customer_booking_stats IS 'Mirror: carries totals to the profiles.';
CREATE TRIGGER mirror_stylist_preference_to_profile AFTER INSERT OR DELETE OR UPDATE ON public.customer_stylist_preferences FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_stylist_preferences_to_profiles();
COMMENT ON TRIGGER mirror_stylist_preference_to_profile ON public.customer_stylist_preferences IS 'Mirror: carries the stylist booked most to the shop''s profile.';
CREATE TRIGGER record_origin AFTER UPDATE ON public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION tenancy.record_origin();
COMMENT ON TRIGGER record_origin ON public.customer_shop_profiles IS 'Records an updated profile in tenancy.profile_origins.';
CREATE TRIGGER record_origin_of_deleted AFTER DELETE ON public.customer_shop_profiles REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tenancy.record_origins();
COMMENT ON TRIGGER record_origin_of_deleted ON public.customer_shop_profiles IS 'Records a deleted profile in tenancy.profile_origins.';
CREATE TRIGGER record_origin_of_new AFTER INSERT ON public.customer_shop_profiles REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tenancy.record_origins();
COMMENT ON TRIGGER record_origin_of_new ON public.customer_shop_profiles IS 'Records an inserted profile in tenancy.profile_origins.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_booking_stats FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_booking_stats IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_shop_profiles FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_shop_profiles IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_stylist_preferences FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_stylist_preferences IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customers FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customers IS 'Refuses TRUNCATE, which no mirror sees.';
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
CREATE POLICY as_before ON public.bookings USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.bookings'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.bookings IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.customer_service_preferences USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.customer_service_preferences'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.customer_service_preferences IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.customer_shop_profiles USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.customer_shop_profiles'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.customer_shop_profiles IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.customer_stylist_preferences USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.customer_stylist_preferences'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.customer_stylist_preferences IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.customers USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.customers'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.customers IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.services USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.services'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.services IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY as_before ON public.stylists USING (((EXISTS ( SELECT
   FROM pg_policy p
  WHERE ((p.polrelid = ('public.stylists'::regclass)::oid) AND (p.polname = 'of_the_shop'::name) AND (NOT p.polpermissive)))) OR (NOT COALESCE(pg_has_role(CURRENT_USER, (to_regrole('convo_shop'::text))::oid, 'USAGE'::text), false))));
COMMENT ON POLICY as_before ON public.stylists IS 'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of convo_shop need the policy of_the_shop, too.';
CREATE POLICY of_the_shop ON public.bookings AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_context())) WITH CHECK (((shop_id = tenancy.shop_context()) AND (EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = bookings.stylist_id) AND (s.shop_id = tenancy.shop_context())))) AND (EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = bookings.service_id) AND (s.shop_id = tenancy.shop_context())))) AND ((secondary_service_id IS NULL) OR (EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = bookings.secondary_service_id) AND (s.shop_id = tenancy.shop_context()))))) AND (LEAST(start_at_utc, end_at_utc, hold_expires_at_utc, sms_sent_at_utc, appointment_status_updated_at_utc, acknowledged_at_utc, created_at, updated_at) >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (GREATEST(start_at_utc, end_at_utc, hold_expires_at_utc, sms_sent_at_utc, appointment_status_updated_at_utc, acknowledged_at_utc, created_at, updated_at) < '2100-01-01 00:00:00+00'::timestamp with time zone)));
COMMENT ON POLICY of_the_shop ON public.bookings IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.customer_service_preferences AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = customer_service_preferences.service_id) AND (s.shop_id = tenancy.shop_context()))))) WITH CHECK (((EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = customer_service_preferences.service_id) AND (s.shop_id = tenancy.shop_context())))) AND (EXISTS ( SELECT
   FROM public.customers c
  WHERE (c.id = customer_service_preferences.customer_id)))));
COMMENT ON POLICY of_the_shop ON public.customer_service_preferences IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.customer_shop_profiles AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_context())) WITH CHECK (((shop_id = tenancy.shop_context()) AND ((preferred_stylist_id IS NULL) OR (EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_shop_profiles.preferred_stylist_id) AND (s.shop_id = tenancy.shop_context())))))));
COMMENT ON POLICY of_the_shop ON public.customer_shop_profiles IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.customer_stylist_preferences AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_stylist_preferences.stylist_id) AND (s.shop_id = tenancy.shop_context()))))) WITH CHECK (((EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_stylist_preferences.stylist_id) AND (s.shop_id = tenancy.shop_context())))) AND (EXISTS ( SELECT
   FROM public.customers c
  WHERE (c.id = customer_stylist_preferences.customer_id)))));
COMMENT ON POLICY of_the_shop ON public.customer_stylist_preferences IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.customers AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.customer_shop_profiles p
  WHERE ((p.customer_id = customers.id) AND (p.shop_id = tenancy.shop_context())))));
COMMENT ON POLICY of_the_shop ON public.customers IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.services AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_context()));
COMMENT ON POLICY of_the_shop ON public.services IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
CREATE POLICY of_the_shop ON public.stylists AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_context()));
COMMENT ON POLICY of_the_shop ON public.stylists IS 'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).';
GRANT SELECT(created_at) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(id) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(last_booking_at) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(last_booking_at) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(no_show_count) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(no_show_count) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(preferred_stylist_id) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(preferred_stylist_id) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(shop_id) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(shop_id) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(total_bookings) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(total_bookings) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(total_spend_cents) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT(total_spend_cents) ON TABLE public.customer_shop_profiles TO convo_health;
GRANT SELECT(updated_at) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT DELETE ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(acknowledged_at_utc),INSERT(acknowledged_at_utc),UPDATE(acknowledged_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(active) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(appointment_status),INSERT(appointment_status),UPDATE(appointment_status) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(appointment_status_updated_at_utc),INSERT(appointment_status_updated_at_utc),UPDATE(appointment_status_updated_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(average_spend_cents) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(booking_count) ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT(booking_count) ON TABLE public.customer_stylist_preferences TO convo_health;
GRANT SELECT(created_at) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(created_at) ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT(created_at) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(created_at) ON TABLE public.services TO convo_back_office;
GRANT SELECT(created_at) ON TABLE public.shops TO convo_back_office;
GRANT SELECT(created_at) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(created_at),INSERT(created_at) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(customer_email),INSERT(customer_email),UPDATE(customer_email) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_booking_stats TO convo_health;
GRANT SELECT(customer_id) ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT(customer_id) ON TABLE public.customer_stylist_preferences TO convo_health;
GRANT SELECT(customer_name),INSERT(customer_name),UPDATE(customer_name) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(customer_phone),INSERT(customer_phone),UPDATE(customer_phone) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(discount_cents),INSERT(discount_cents),UPDATE(discount_cents) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(duration_minutes) ON TABLE public.services TO convo_back_office;
GRANT SELECT(email) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(end_at_utc),INSERT(end_at_utc),UPDATE(end_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(hold_expires_at_utc),INSERT(hold_expires_at_utc),UPDATE(hold_expires_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(id) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(id) ON TABLE public.customers TO convo_health;
GRANT SELECT(id) ON TABLE public.services TO convo_back_office;
GRANT SELECT(id) ON TABLE public.services TO convo_health;
GRANT SELECT(id) ON TABLE public.shops TO convo_back_office;
GRANT SELECT(id) ON TABLE public.shops TO convo_health;
GRANT SELECT(id) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(id) ON TABLE public.stylists TO convo_health;
GRANT SELECT(id),INSERT(id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(internal_notes),INSERT(internal_notes),UPDATE(internal_notes) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(last_booking_at) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(last_booking_at) ON TABLE public.customer_booking_stats TO convo_health;
GRANT SELECT(name) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(name) ON TABLE public.services TO convo_back_office;
GRANT SELECT(name) ON TABLE public.shops TO convo_back_office;
GRANT SELECT(name) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(no_show_count) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(no_show_count) ON TABLE public.customers TO convo_health;
GRANT SELECT(phone) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(preferred_style_image_url) ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT SELECT(preferred_style_image_url),INSERT(preferred_style_image_url),UPDATE(preferred_style_image_url) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(preferred_style_text) ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT SELECT(preferred_style_text),INSERT(preferred_style_text),UPDATE(preferred_style_text) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(preferred_stylist_id) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(preferred_stylist_id) ON TABLE public.customers TO convo_health;
GRANT SELECT(price_cents) ON TABLE public.services TO convo_back_office;
GRANT SELECT(price_cents) ON TABLE public.services TO convo_health;
GRANT SELECT(promo_id),INSERT(promo_id),UPDATE(promo_id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(secondary_service_id),INSERT(secondary_service_id),UPDATE(secondary_service_id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(service_id) ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT SELECT(service_id),INSERT(service_id),UPDATE(service_id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(shop_id) ON TABLE public.services TO convo_back_office;
GRANT SELECT(shop_id) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(shop_id) ON TABLE public.stylists TO convo_health;
GRANT SELECT(shop_id),INSERT(shop_id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(sms_sent_at_utc),INSERT(sms_sent_at_utc),UPDATE(sms_sent_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(start_at_utc),INSERT(start_at_utc),UPDATE(start_at_utc) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(status),INSERT(status),UPDATE(status) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(stylist_id) ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT(stylist_id) ON TABLE public.customer_stylist_preferences TO convo_health;
GRANT SELECT(stylist_id),INSERT(stylist_id),UPDATE(stylist_id) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(total_bookings) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(total_bookings) ON TABLE public.customer_booking_stats TO convo_health;
GRANT SELECT(total_spend_cents) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(total_spend_cents) ON TABLE public.customer_booking_stats TO convo_health;
GRANT SELECT(updated_at) ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT(updated_at) ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT(updated_at) ON TABLE public.customers TO convo_back_office;
GRANT SELECT(updated_at),INSERT(updated_at),UPDATE(updated_at) ON TABLE public.bookings TO convo_back_office;
GRANT SELECT(updated_at_utc) ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT SELECT(work_end) ON TABLE public.stylists TO convo_back_office;
GRANT SELECT(work_start) ON TABLE public.stylists TO convo_back_office;
