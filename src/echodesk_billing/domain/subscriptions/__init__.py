"""Subscriptions: terms, changes of plan, dunning."""
