-- Which session of the server answers. No function of another schema is called, before search_path is pinned.
SELECT pg_catalog.pg_backend_pid();
