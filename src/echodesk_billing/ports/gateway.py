"""The bank's gateway."""

from __future__ import annotations

import enum
from typing import Protocol

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import BankReport


class GatewayError(BillingError):
    """Base class of failed calls to the bank."""


class GatewayNotConfigured(GatewayError):
    """There are no credentials, so the bank cannot be called."""

    def __init__(self) -> None:
        super().__init__("Payments are not configured: set BOG_CLIENT_ID and BOG_CLIENT_SECRET")


class GatewayUnavailable(GatewayError):
    """The bank cannot be reached, or is temporarily unavailable.

    Args:
        message: what happened.
        retry_after_seconds: the bank's `Retry-After`, or an estimate.
    """

    def __init__(self, message: str, retry_after_seconds: int = 30) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GatewayTimeout(GatewayError):
    """The call timed out: its outcome is unknown until reconciled."""


class GatewayOutcomeUnknown(GatewayTimeout):
    """The bank refused, but an earlier attempt may have succeeded: the outcome is unknown.

    Args:
        refusal: the bank's refusal.
    """

    def __init__(self, refusal: GatewayRefused) -> None:
        super().__init__(f"{refusal}, but an earlier attempt may have succeeded: it is being reconciled")
        self.refusal = refusal


class GatewayNonsense(GatewayError):
    """The bank's answer cannot be parsed; the outcome is unknown."""


class GatewayRefused(GatewayError):
    """The bank refused the call: it had no effect, and repeating it does not help.

    Args:
        status: the HTTP status of its answer.
        message: the bank's reason.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"The bank refused: {message} (HTTP {status})")
        self.status = status


class MalformedCallback(BillingError):
    """A callback's body is invalid; the message says why."""


async def find_receipt(gateway: Gateway, order_id: str) -> BankReport | None:
    """The bank's receipt of an order, by the bank's id or by ours; None where it does not exist.

    Raises:
        GatewayError: the bank gave no answer.
    """
    try:
        return await gateway.receipt(order_id)
    except GatewayRefused:
        return None


def require_configured(gateway: Gateway) -> None:
    """Check that there are credentials.

    Raises:
        GatewayNotConfigured: there are no credentials.
    """
    if not gateway.is_configured:
        raise GatewayNotConfigured


class Verdict(enum.StrEnum):
    """The result of verifying a callback's signature."""

    VALID = "valid"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


class Gateway(Protocol):
    """The bank's calls used by the use cases."""

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why calls would fail now: missing credentials, or an open circuit breaker; else None."""
        ...

    async def create_order(self, order: Order, wallet_token: str = "") -> BankReport:
        """Create `order` at the bank, under its idempotency key: repeating it creates one order.

        With a parent order its saved card is charged; with Google Pay it may be paid at once.

        Args:
            wallet_token: of Google Pay, encrypted; never stored, and not needed to repeat the call.

        Raises:
            GatewayError: a subtype; only `GatewayRefused` means that the call had no effect.
        """
        ...

    async def complete_apple_pay(self, order: Order, wallet_token: str) -> BankReport:
        """Pay an order created for Apple Pay with the token from Apple; returns the same as `create_order`."""
        ...

    async def save_card(self, bank_order_id: str, kind: SaveCard, key: str) -> None:
        """Enable saving the card when this order is paid; call it before redirecting the customer."""
        ...

    async def forget_card(self, bank_order_id: str, key: str) -> None:
        """Delete the card saved by this order."""
        ...

    async def refund(self, order: Order, refund: Refund) -> str:
        """Request a refund, with its id as idempotency key; returns the bank's action id.

        Raises:
            GatewayError: a subtype; only `GatewayRefused` means that nothing will be refunded.
        """
        ...

    async def capture(self, order: Order, amount: Money | None, key: str) -> None:
        """Capture a held payment, all of it where `amount` is None."""
        ...

    async def release(self, order: Order, key: str) -> None:
        """Release a held payment."""
        ...

    async def receipt(self, order_id: str, *, is_hint: bool = False) -> BankReport:
        """Fetch the receipt of an order.

        Args:
            order_id: the bank's id, or ours where that is unknown.
            is_hint: triggered by an unauthenticated caller, so failures must not open the circuit breaker.

        Raises:
            GatewayError: a subtype; `GatewayRefused` where the order does not exist.
        """
        ...

    def is_ours(self, report: BankReport) -> bool:
        """Whether a report belongs to our merchant, as far as can be checked."""
        ...

    def verify(self, raw_body: bytes, signature: str | None) -> Verdict:
        """Verify the signature over these bytes."""
        ...

    def read_callback(self, raw_body: bytes) -> BankReport:
        """Parse a callback.

        Raises:
            MalformedCallback: the body is not a callback of the bank.
        """
        ...

    async def check_credentials(self) -> None:
        """Fetch a token, to check the credentials.

        Raises:
            GatewayError: they are invalid, or the bank did not answer.
        """
        ...
