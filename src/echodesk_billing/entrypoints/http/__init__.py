"""The HTTP contract, free of any web framework."""
