def f():
    from app.models import Customer, CustomerBookingStats  # FOUND statistics
    return select(CustomerBookingStats), Customer.no_show_count  # FOUND statistics FOUND no_show
