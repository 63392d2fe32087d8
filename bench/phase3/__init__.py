"""Phase 3: the contract and its revert, under API clients."""
