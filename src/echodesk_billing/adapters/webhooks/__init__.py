"""Webhooks, as Standard Webhooks says."""
