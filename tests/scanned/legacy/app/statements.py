from app.models import Customer, CustomerBookingStats  # FOUND statistics
TABLE = "customer_booking_stats"  # FOUND statistics

async def f(connection, id):
    """SELECT no_show_count FROM customers: a docstring."""
    row = await connection.fetchrow("SELECT * FROM customers WHERE id = $1", id)
    print(row["no_show_count"], row["name"])  # FOUND no_show
    await connection.execute(
        """
        UPDATE customers AS c
        SET average_spend_cents = $2, -- FOUND average
            updated_at = now()
        FROM customer_booking_stats AS s -- FOUND statistics
        WHERE s.customer_id = c.id AND c.id = $1
        """,
        id,
        0,
    )
    await connection.execute(
        "SELECT c.id, "
        "c.no_show_count "  # FOUND no_show
        "FROM customers AS c"
    )
    sql = "SELECT id FROM customers "
    sql += "WHERE average_spend_cents > 0"  # FOUND average
    text("DELETE FROM %s" % TABLE)
    text(f"SELECT no_show_count FROM {Customer.__tablename__}")  # FOUND no_show
    text(f"DELETE FROM {CustomerBookingStats.__tablename__}")  # FOUND statistics
    text("SELECT {} FROM customer_booking_stats".format("x"))  # FOUND statistics
    text(" ".join(["SELECT preferred_stylist_id", "FROM public.customers"]))  # FOUND preferred
    cursor.execute("INSERT INTO customers (email, no_show_count) VALUES (%s, 0)")  # FOUND no_show
    where = "c.no_show_count > 3"  # MAY no_show
    text('SELECT "no_show_count" FROM "customers"')  # FOUND no_show
    text("select NO_SHOW_COUNT from CUSTOMERS")  # FOUND no_show
    text("SELECT no_show_count FROM tenancy_archive.customers")
    logger.info("customer_booking_stats is written")  # FOUND statistics


def g(connection, table):
    connection.execute(b"DELETE FROM customer_booking_stats")  # FOUND statistics
    sql.SQL("UPDATE {} SET no_show_count = 0").format(sql.Identifier("customers"))  # MAY no_show
    sql.SQL("TRUNCATE {}").format(sql.Identifier("customer_booking_stats"))  # FOUND statistics
    text(f"UPDATE {table} SET no_show_count = 0")  # MAY no_show
    text("UPDATE customer_shop_profiles SET no_show_count = :no_show_count")
    text("SELECT count(*) FILTER (WHERE no_show_count > 2) FROM customers")  # FOUND no_show


class Sort(enum.Enum):
    NO_SHOWS = "no_show_count"  # MAY no_show
    SQL = "SELECT no_show_count FROM customers"  # FOUND no_show
