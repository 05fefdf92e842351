"""Phase 2 as an engine: losses in, a learning rate out."""
