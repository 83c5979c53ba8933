"""Adapters: the bank, SQL, time. They import the core and never each other."""
