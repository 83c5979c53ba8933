"""Errors of the domain. Each carries its data and a message a person can act on."""

from __future__ import annotations


class BillingError(Exception):
    """Base class of the library's errors; `str(error)` says what was wrong and what to do."""


class InvalidMoney(BillingError, ValueError):
    """An invalid amount: too many decimals, NaN, a float, the wrong sign, too large."""


class CurrencyMismatch(BillingError, ValueError):
    """Two amounts of different currencies cannot be added, subtracted or compared."""


class IllegalTransition(BillingError):
    """The transition table does not allow this event in this state. Nothing was changed.

    Args:
        subject: the entity, for example `order SUB-9F2C7A1B04DE`.
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
        field: the invalid input (`package_id`, `features`, `agent_count`, `currency`).
        message: what is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class InvalidArgument(InvalidSelection, TypeError):
    """An argument of the wrong type."""


class InvalidPaymentOption(InvalidSelection):
    """A payment option that contradicts another."""


class AmountTooLarge(BillingError, ValueError):
    """The amount to refund or capture is more than what is left.

    Args:
        order_id: of which order.
        what: `to refund` or `to capture`.
        asked: the requested amount.
        left: the amount left.
    """

    def __init__(self, order_id: str, what: str, asked: str, left: str) -> None:
        super().__init__(f"order {order_id} has {left} {what}, not {asked}")
        self.order_id = order_id


class FeatureRequired(InvalidSelection):
    """A required feature cannot be removed."""

    def __init__(self, name: str) -> None:
        super().__init__("feature_id", f"{name} is part of every subscription and cannot be removed")


class InvalidCatalogue(BillingError, ValueError):
    """A catalogue that contradicts itself; the message names the package or feature."""


class NoActiveSubscription(BillingError):
    """The operation needs a subscription that the tenant does not have."""

    def __init__(self) -> None:
        super().__init__("No active subscription found")


class ChangeRefused(BillingError):
    """A change of plan that is not possible now; the message says why, and what is."""


class NothingScheduled(BillingError):
    """There is no scheduled change to cancel."""

    def __init__(self) -> None:
        super().__init__("No scheduled change found")


class TrialRefused(BillingError):
    """The tenant may not start a trial; the message says why."""


class InvalidTenant(BillingError, ValueError):
    """An invalid tenant id; the message says what is valid."""


class NameTaken(BillingError):
    """A tenant's name is used or reserved by someone else."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The name {name!r} is taken: choose another")
        self.name = name
