"""Control of the backfill whose work and rules are in the database: tenancy.backfill_step()."""
