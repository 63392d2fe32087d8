"""Where source code still uses the legacy side: convo-tenancy scan."""
