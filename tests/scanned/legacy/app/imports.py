import app.models
import app.models as m
from app import models
from app.models import Customer as C, CustomerBookingStats as S  # FOUND statistics
from .models import (
    Customer,
    CustomerBookingStats,  # FOUND statistics
)
a = m.CustomerBookingStats  # FOUND statistics
b = models.CustomerBookingStats.total_bookings  # FOUND statistics
c = app.models.CustomerBookingStats  # FOUND statistics
d = (C.no_show_count, m.Customer.average_spend_cents)  # FOUND no_show FOUND average
e = app.models.Customer.preferred_stylist_id  # FOUND preferred
f = S.customer_id  # FOUND statistics
from app.models import *
Mine = Customer
g = Mine.no_show_count  # FOUND no_show
