"""Was: SELECT no_show_count FROM customers."""
from convo_tenancy.customer_memory import get_customer_context, update_customer_stats
from models import Customer, CustomerShopProfile

def chat(connection, customer: Customer, shop_id: int, anything):
    context = get_customer_context(connection, customer.id, shop_id)
    print(anything.no_show_count)
    update_customer_stats(connection, customer.id, shop_id, 1, 2, now())
    return context.average_spend_cents, customer.profiles[0].no_show_count

async def read(session, id):
    rows = await session.execute(
        text("SELECT * FROM tenancy.customer_context(:id, :shop)"), {"id": id}
    )
    found = rows.one()
    stats = await session.scalar(select(CustomerShopProfile.no_show_count))
    session.add(CustomerShopProfile(no_show_count=0, preferred_stylist_id=None))
    return {"average_spend_cents": found.average_spend_cents}

SQL = """
    UPDATE customer_shop_profiles AS p SET no_show_count = p.no_show_count + 1
    FROM customers AS c WHERE c.id = p.customer_id
"""
TOTALS = "SELECT average_spend_cents FROM tenancy.customer_totals WHERE customer_id = $1"
COUNTS = "UPDATE customer_stylist_preferences SET booking_count = booking_count + 1"
FIELDS = ["no_show_count", "average_spend_cents"]


async def both(session, connection):
    row = await connection.fetchrow(
        "SELECT c.*, p.no_show_count FROM customers AS c JOIN customer_shop_profiles AS p ON p.customer_id = c.id"
    )
    for customer, profile in session.execute(select(Customer, CustomerShopProfile)):
        print(profile.no_show_count, customer.name, row["no_show_count"])
    Customer(email="a@example.test", name="Ann")
