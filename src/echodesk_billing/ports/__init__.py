"""Ports: what the core needs from outside, each a Protocol with the errors it may raise."""
