#!/bin/bash
# psql in DATABASE_URL, for programs that call a psql and cannot be given a URL themselves.
exec psql -d "$DATABASE_URL" "$@"
