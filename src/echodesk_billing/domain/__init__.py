"""The rules of billing, without a database, a network or a clock.

See `orders/` for how money moves, `subscriptions/` for what it buys, `catalogue/` for prices, `accounting/` for
the journal and invoices, `customers/` for who buys.
"""
