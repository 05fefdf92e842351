"""Phase 2 on the side of torch."""
