from app import models
from app.models import Customer, CustomerBookingStats, CustomerShopProfile  # FOUND statistics

async def f(session, id):
    await session.get(CustomerBookingStats, id)  # FOUND statistics
    q = select(models.Customer.no_show_count)  # FOUND no_show
    await session.execute(insert(CustomerBookingStats).values(customer_id=id))  # FOUND statistics
    update(Customer).where(Customer.id == id).values(
        average_spend_cents=0,  # FOUND average
        name="no_show_count",  # FOUND no_show
    )
    update(Customer).values({"no_show_count": 1})  # FOUND no_show
    update(CustomerShopProfile).values({"no_show_count": 1}).where(CustomerShopProfile.no_show_count > 1)
    select(Customer).filter_by(no_show_count=0).order_by(desc(Customer.average_spend_cents))  # FOUND no_show FOUND average
    await session.execute(insert(Customer), [{"email": "x", "no_show_count": 0}])  # FOUND no_show
    session.query(Customer).options(load_only("average_spend_cents"))  # FOUND average
    stmt = select(Customer, CustomerBookingStats).join(CustomerBookingStats)  # FOUND statistics
    return [f"{c.no_show_count} {s.total_bookings}" for c, s in await session.execute(stmt)]  # FOUND no_show FOUND statistics


def g(session):
    sub = select(Customer).subquery()
    select(sub.c.no_show_count)  # FOUND no_show
    alias = aliased(Customer)
    select(alias).where(alias.average_spend_cents > 0)  # FOUND average
    event.listen(Customer.no_show_count, "set", g)  # FOUND no_show
    del session.get(Customer, 1).no_show_count  # FOUND no_show
    return func.sum(CustomerBookingStats.total_spend_cents)  # FOUND statistics


def h(someone):
    match someone:
        case Customer(no_show_count=3):  # FOUND no_show
            return True
        case CustomerShopProfile(no_show_count=3):
            return False
