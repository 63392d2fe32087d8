-- What new code calls for the legacy code's statements: customer, shop, stylist, spend, start of the booking.
SELECT *
FROM tenancy.record_booking($1, $2, $3, $4, $5);
