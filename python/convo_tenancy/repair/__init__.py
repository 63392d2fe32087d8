"""Control of the repair whose work and rules are in the database: tenancy.repair()."""
