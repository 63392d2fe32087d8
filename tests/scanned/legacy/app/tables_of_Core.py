customers = Table(
    "customers",
    metadata,
    Column("id", Integer),
    Column("no_show_count", Integer),  # FOUND no_show
)
profiles = Table("customer_shop_profiles", metadata, Column("no_show_count", Integer))
stats = Table("customer_booking_stats", metadata)  # FOUND statistics
q = select(customers.c.no_show_count, customers.c["average_spend_cents"])  # FOUND no_show FOUND average
r = select(stats.c.total_bookings)  # FOUND statistics
s = select(profiles.c.no_show_count)
t = metadata.tables["customers"].c.no_show_count  # FOUND no_show
u = Base.classes.customer_booking_stats  # FOUND statistics
v = Base.classes.customers.no_show_count  # FOUND no_show
w = ForeignKey("customers.no_show_count")  # FOUND no_show
x = ForeignKey("public.customer_booking_stats.customer_id")  # FOUND statistics
y = connection.copy_records_to_table("customers", columns=["no_show_count"], records=[])  # FOUND no_show
z = sa.table("customers", sa.column("no_show_count"))  # FOUND no_show
insert(z).values(no_show_count=0)  # FOUND no_show
