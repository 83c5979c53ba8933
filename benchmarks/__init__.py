"""Measurements, both sides in one run: `make bench`, or `make bench QUICK=1`."""
