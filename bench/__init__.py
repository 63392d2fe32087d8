"""Benchmarks of the migration, each phase beside the plain statements of ADR-0001."""
