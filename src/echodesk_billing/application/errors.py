"""What can go wrong in a use case besides the rules of the domain and the errors of the ports."""

from __future__ import annotations

from echodesk_billing.domain.errors import BillingError


class OrderNotFound(BillingError):
    """There is no such order, or it is another tenant's: the two look the same from outside."""

    def __init__(self) -> None:
        super().__init__("Payment not found")


class CardNotFound(BillingError):
    """There is no such saved card, or it is another tenant's, or it was forgotten."""

    def __init__(self) -> None:
        super().__init__("Saved card not found")


class InvoiceNotFound(BillingError):
    """There is no such invoice, or it is another tenant's."""

    def __init__(self) -> None:
        super().__init__("Invoice not found")


class CallbackRefused(BillingError):
    """A callback whose signature is wrong: it is recorded and changes nothing."""

    def __init__(self) -> None:
        super().__init__("The callback's signature is invalid")


class CallbackOrderUnknown(BillingError):
    """A callback for an order that is not, or not yet, stored here; the bank repeats it."""

    def __init__(self) -> None:
        super().__init__("The callback is about an unknown order")
