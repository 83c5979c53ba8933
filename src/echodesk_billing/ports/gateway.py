"""The bank, as the core sees it."""

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
    """A call to the bank that did not go well."""


class GatewayNotConfigured(GatewayError):
    """There are no credentials, so the bank cannot be asked anything."""

    def __init__(self) -> None:
        super().__init__("Payments are not configured: set BOG_CLIENT_ID and BOG_CLIENT_SECRET")


class GatewayUnavailable(GatewayError):
    """The bank cannot be reached, or says that it cannot work now.

    Args:
        message: what happened.
        retry_after_seconds: how long the bank asks to wait, or a guess.
    """

    def __init__(self, message: str, retry_after_seconds: int = 30) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GatewayTimeout(GatewayError):
    """The bank may have done what was asked; nobody knows until it is asked again."""


class GatewayInDoubt(GatewayTimeout):
    """The bank refused, but an earlier attempt may have done what was asked: its refusal settles nothing.

    Args:
        refusal: what the bank said.
    """

    def __init__(self, refusal: GatewayRefused) -> None:
        super().__init__(f"{refusal}, but an earlier attempt may have succeeded: it is being reconciled")
        self.refusal = refusal


class GatewayNonsense(GatewayError):
    """The bank answered something that is no answer; it may have done what was asked."""


class GatewayRefused(GatewayError):
    """The bank understood and said no: this call did nothing, and asking again changes nothing.

    Args:
        status: the HTTP status of its answer.
        message: its reason.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"The bank refused: {message} (HTTP {status})")
        self.status = status


class MalformedCallback(BillingError):
    """A callback's body is not what the bank sends; the message says what is wrong with it."""


async def find_receipt(gateway: Gateway, order_id: str) -> BankReport | None:
    """The bank's receipt of an order, by the bank's id or by ours; None where it says that it finds none.

    Raises:
        GatewayError: the bank cannot say.
    """
    try:
        return await gateway.receipt(order_id)
    except GatewayRefused:
        return None


def require_configured(gateway: Gateway) -> None:
    """Check that the bank can be asked at all.

    Raises:
        GatewayNotConfigured: there are no credentials.
    """
    if not gateway.is_configured:
        raise GatewayNotConfigured


class Verdict(enum.StrEnum):
    """What the signature of a callback is worth."""

    VALID = "valid"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


class Gateway(Protocol):
    """The calls of the bank that the use cases make."""

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why calls would fail now: no credentials, or a bank that has not answered for a while; else None."""
        ...

    async def create_order(self, order: Order, wallet_token: str = "") -> BankReport:
        """Create `order` at the bank, under its idempotency key: asking twice makes one order.

        With a saved card as parent it is charged to it; with Google Pay it may be paid at once.

        Args:
            wallet_token: of Google Pay, encrypted; never stored, and not needed to ask again.

        Raises:
            GatewayError: one of its kinds; only after `GatewayRefused` is it sure that nothing was done.
        """
        ...

    async def complete_apple_pay(self, order: Order, wallet_token: str) -> BankReport:
        """Pay an order that was created for Apple Pay with the token that Apple gave; answers as `create_order`."""
        ...

    async def save_card(self, bank_order_id: str, kind: SaveCard, key: str) -> None:
        """Have the card kept when this order is paid; to be asked before the customer is sent to pay."""
        ...

    async def forget_card(self, bank_order_id: str, key: str) -> None:
        """Have the card deleted that this order saved."""
        ...

    async def refund(self, order: Order, refund: Refund) -> str:
        """Ask for money back, under the refund's id as key; gives the bank's id of the action.

        Raises:
            GatewayError: one of its kinds; only after `GatewayRefused` is it sure that nothing will go back.
        """
        ...

    async def capture(self, order: Order, amount: Money | None, key: str) -> None:
        """Take what is held for `order`, all of it where `amount` is None."""
        ...

    async def release(self, order: Order, key: str) -> None:
        """Let go of what is held for `order`."""
        ...

    async def receipt(self, order_id: str, *, is_hint: bool = False) -> BankReport:
        """What the bank knows of an order.

        Args:
            order_id: the bank's id, or ours where the bank's is not known.
            is_hint: somebody unknown made us ask, so that failures must not keep payments from the bank.

        Raises:
            GatewayError: one of its kinds; `GatewayRefused` where the bank has no such order.
        """
        ...

    def is_ours(self, report: BankReport) -> bool:
        """Whether a report is of an order of our merchant, as far as it and the settings say."""
        ...

    def verify(self, raw_body: bytes, signature: str | None) -> Verdict:
        """What the signature over these very bytes is worth."""
        ...

    def read_callback(self, raw_body: bytes) -> BankReport:
        """What a callback says.

        Raises:
            MalformedCallback: the body is not a callback of the bank.
        """
        ...

    async def check_credentials(self) -> None:
        """Fetch a token, to see whether the credentials are good.

        Raises:
            GatewayError: they are not, or the bank did not answer.
        """
        ...
