"""What can go wrong by the rules alone. Each error carries its data and a sentence a person can act on."""

from __future__ import annotations


class BillingError(Exception):
    """Anything this library raises on purpose; `str(error)` says what was wrong and what to do."""


class InvalidMoney(BillingError, ValueError):
    """An amount that is not money: too many decimals, NaN, a float, the wrong sign, too large."""


class CurrencyMismatch(BillingError, ValueError):
    """Two amounts of different currencies were to be added, subtracted or compared."""


class IllegalTransition(BillingError):
    """An event the transition table does not allow in this state. Nothing was changed.

    Args:
        subject: what was to change, for example `order SUB-9F2C7A1B04DE`.
        event: the name of the event that was fired.
        state: the state it was fired in.
    """

    def __init__(self, subject: str, event: str, state: str) -> None:
        super().__init__(f"{subject} is {state}: {event} is not possible in this state")
        self.subject = subject
        self.event = event
        self.state = state


class InvalidSelection(BillingError, ValueError):
    """A package, feature, number of seats or currency that the catalogue cannot price.

    Args:
        field: the input at fault (`package_id`, `features`, `agent_count`, `currency`).
        message: what is wrong with it and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class InvalidArgument(InvalidSelection, TypeError):
    """An argument of a type that it cannot have."""


class InvalidPaymentOption(InvalidSelection):
    """An option of a payment that contradicts another."""


class AmountTooLarge(BillingError, ValueError):
    """More was to be refunded or captured than there is.

    Args:
        order_id: of which order.
        what: `to refund` or `to capture`.
        asked: how much.
        left: how much there is.
    """

    def __init__(self, order_id: str, what: str, asked: str, left: str) -> None:
        super().__init__(f"order {order_id} has {left} {what}, not {asked}")
        self.order_id = order_id


class InvalidCatalogue(BillingError, ValueError):
    """A catalogue that contradicts itself; the message names the package or feature."""


class NoActiveSubscription(BillingError):
    """Something was asked of a subscription that the tenant does not have."""

    def __init__(self) -> None:
        super().__init__("No active subscription found")


class ChangeRefused(BillingError):
    """A change of plan that is not possible now; the message says why, and what is."""


class NothingScheduled(BillingError):
    """A scheduled change was to be dropped, and there is none."""

    def __init__(self) -> None:
        super().__init__("No scheduled change found")


class TrialRefused(BillingError):
    """A trial that the tenant may not have; the message says why."""


class InvalidTenant(BillingError, ValueError):
    """An id that no tenant can have; the message says what would be one."""


class NameTaken(BillingError):
    """A tenant's name is used or reserved by someone else."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The name {name!r} is taken: choose another")
        self.name = name
