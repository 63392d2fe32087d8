"""Where the migration stands, in one screen."""
