"""Subscriptions sold through the Bank of Georgia.

The public API of the library: `Billing`, what its methods take, return and raise, and the events.
`__init__.pyi` lists the names; each is imported when first used, so that `echodesk_billing.domain` can be imported
without any adapter.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
