-- Until the transaction or savepoint ends, the tables of schema $1 are found without its name; all else in pg_catalog first.
SELECT set_config('search_path', 'pg_catalog, pg_temp, ' || quote_ident($1), TRUE);
