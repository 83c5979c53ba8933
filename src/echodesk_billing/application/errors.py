"""Errors of use cases, besides those of the domain and the ports."""

from __future__ import annotations

from echodesk_billing.domain.errors import BillingError


class OrderNotFound(BillingError):
    """The order does not exist or belongs to another tenant: callers cannot tell which."""

    def __init__(self) -> None:
        super().__init__("Payment not found")


class CardNotFound(BillingError):
    """The saved card does not exist, belongs to another tenant, or was removed."""

    def __init__(self) -> None:
        super().__init__("Saved card not found")


class CustomerNotFound(BillingError):
    """The tenant is not a customer: it has never paid."""

    def __init__(self) -> None:
        super().__init__("Customer not found: a tenant becomes one with its first payment")


class InvoiceNotFound(BillingError):
    """The invoice does not exist or belongs to another tenant."""

    def __init__(self) -> None:
        super().__init__("Invoice not found")


class ProformaNotFound(BillingError):
    """There is no proforma invoice with this number."""

    def __init__(self, number: str) -> None:
        super().__init__(f"There is no proforma {number[:40]}")


class CouponNotFound(BillingError):
    """There is no coupon with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no coupon {code[:32]}")


class LinkExpired(BillingError):
    """A link to an invoice is too old."""

    def __init__(self) -> None:
        super().__init__("This link has expired: open the list of invoices again and use the new link there")


class LinkInvalid(BillingError):
    """A link that was not made here, or leads to nothing any more."""

    def __init__(self) -> None:
        super().__init__("This link is not valid any more")


class EndpointNotFound(BillingError):
    """The webhook endpoint does not exist or belongs to another tenant."""

    def __init__(self) -> None:
        super().__init__("Webhook endpoint not found")


class CallbackRefused(BillingError):
    """A callback with an invalid signature: recorded, without effect."""

    def __init__(self) -> None:
        super().__init__("The callback's signature is invalid")


class CallbackOrderUnknown(BillingError):
    """A callback for an order that is not stored here, or not yet; the bank repeats it."""

    def __init__(self) -> None:
        super().__init__("The callback is about an unknown order")
