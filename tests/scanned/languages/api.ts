// customer_booking_stats, no_show_count
/* customers.no_show_count */
const rows = await sql`SELECT c.no_show_count FROM customers c`;  // FOUND no_show
const ours = await sql`SELECT p.no_show_count FROM customer_shop_profiles p`;
return customer.no_show_count;  // MAY no_show
return profile.no_show_count;
await db.table("customer_booking_stats");  // FOUND statistics
