"""A simulated Bank of Georgia: its online payments API, its payment page, its signed callbacks, and its faults.

Stand-alone: it knows the bank's documentation and nothing of any client.
"""
