"""The rules of billing, without a database, a network or a clock.

Read `orders/` for how money moves, `subscriptions/` for what it buys, `catalogue/` for what it costs, `accounting/` for
the journal and invoices, `customers/` for who buys.
"""
