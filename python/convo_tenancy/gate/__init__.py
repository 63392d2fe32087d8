"""Phase 3 before it is deployed: what its gate says, and what it would do."""
