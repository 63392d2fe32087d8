# customer_booking_stats
pg_dump -t customer_booking_stats # FOUND statistics
psql -c "UPDATE customers SET no_show_count = 0" # FOUND no_show
