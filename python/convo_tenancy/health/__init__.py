"""The health check: reads one snapshot of the database, and says what is wrong and what to do."""
