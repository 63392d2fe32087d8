"""Phase 1: the backfill, beside the plain statements of ADR-0001."""
