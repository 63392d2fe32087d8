"""What the tests share: a real PostgreSQL cluster and the commands that are tried on it."""
