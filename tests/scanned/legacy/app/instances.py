from app.models import Customer, CustomerShopProfile

async def by_email(session, email) -> Customer | None:
    return (await session.scalars(select(Customer).filter_by(email=email))).one_or_none()

def plain(session):
    return session.query(Customer).first()

async def f(session, customer: Customer, profile: CustomerShopProfile, rows: list["Customer"]):
    customer.preferred_stylist_id = profile.preferred_stylist_id  # FOUND preferred
    customer.no_show_count += 1  # FOUND no_show
    found = await by_email(session, "a")
    if found and found.average_spend_cents:  # FOUND average
        pass
    other = plain(session)
    other.average_spend_cents = 1  # FOUND average
    mine = Customer(average_spend_cents=0, name="x")  # FOUND average
    print(mine.no_show_count)  # FOUND no_show
    for row in rows:
        print(row.no_show_count)  # FOUND no_show
    total = sum(each.no_show_count for each in rows)  # FOUND no_show
    result = await session.execute(select(Customer))
    for each in result.scalars():
        each.preferred_stylist_id = None  # FOUND preferred
    first = result.scalars().all()[0]
    setattr(first, "average_spend_cents", 2)  # FOUND average
    getattr(first, "no_show_count")  # FOUND no_show
    if (walrus := await session.get(Customer, 1)) and walrus.no_show_count:  # FOUND no_show
        pass
    by_id = {each.id: each for each in rows}
    by_id[1].no_show_count = 1  # FOUND no_show
