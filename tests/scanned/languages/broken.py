def f(: # customer_booking_stats
    x = "SELECT no_show_count FROM customers" # FOUND no_show
    stats = customer_booking_stats # FOUND statistics
