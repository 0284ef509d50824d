"""Reference models in PyTorch, one folder each, and the protocol a user's own network follows."""
