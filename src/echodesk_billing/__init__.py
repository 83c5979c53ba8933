"""Subscriptions sold through the Bank of Georgia.

The face of the library: `Billing`, what its calls take, give and raise, and the events. `__init__.pyi` lists the names;
each is loaded when it is first used, so that `echodesk_billing.domain` can be imported without any adapter.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
