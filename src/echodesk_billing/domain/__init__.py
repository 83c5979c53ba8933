"""The rules of billing, without a database, a network or a clock.

Read `order.py` and `lifecycle.py` for how money moves, `subscription.py` and `calendar.py` for what it buys,
`catalogue.py` and `pricing.py` for what it costs.
"""
