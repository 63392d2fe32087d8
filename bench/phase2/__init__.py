"""Phase 2: what the mirrors cost, and what calls and the drift view take."""
