"""The front desk of some salons, as it was before it knew shops."""
