from .models import Customer


def name(customer: Customer):
    return customer.favourite.name  # FOUND preferred


def loaded(session):
    return session.query(Customer).options(joinedload(Customer.favourite))  # FOUND preferred


def others(customer: Customer):
    return customer.bookings
