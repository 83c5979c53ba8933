"""For tests of programs that embed billing: the simulated bank in this process, with a clock that can be advanced.

With pytest the fixtures `bog_sandbox` and `billing` are there once this package is installed; `django.BillingTestMixin`
is for Django's `TestCase`. See docs/testing.md.
"""

from echodesk_billing.testing.sandbox import Sandbox, open_billing

__all__ = ["Sandbox", "open_billing"]
