from crm import *


def late(customer: Customer, profile: CustomerShopProfile):
    return Totals, customer.no_show_count + profile.no_show_count  # FOUND statistics FOUND no_show
