"""Telemetry: metrics of what was committed and called, and traces."""
