from app.models import Customer, CustomerShopProfile

def f(session):
    for customer, profile in session.execute(select(Customer, CustomerShopProfile)):
        print(profile.no_show_count)
        print(customer.no_show_count)  # FOUND no_show
    row = session.execute(select(Customer, CustomerShopProfile)).one()
    print(row.CustomerShopProfile.no_show_count)
    print(row.Customer.no_show_count)  # FOUND no_show
    print(row[1].no_show_count, row[0].no_show_count)  # FOUND no_show
