-- Who books, in new code: email, phone, name.
SELECT tenancy.get_or_create_customer($1, $2, $3);
