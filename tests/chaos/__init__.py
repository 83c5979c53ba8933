"""Everything real, and everything failing: `make chaos MINUTES=10`."""
