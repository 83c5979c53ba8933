"""Subscriptions sold through the Bank of Georgia.

The face of the library: `Billing`, `Money`, the events and the errors people catch. Everything else is private.
Names are loaded when they are first used, so that `echodesk_billing.domain` can be imported without any adapter.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from echodesk_billing.application.changes import When
    from echodesk_billing.application.errors import (
        CallbackOrderUnknown,
        CallbackRefused,
        CardNotFound,
        InvoiceNotFound,
        OrderNotFound,
    )
    from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature, Limits, Package, PricingModel
    from echodesk_billing.domain.customers.registration import Applicant
    from echodesk_billing.domain.errors import (
        AmountTooLarge,
        BillingError,
        ChangeRefused,
        IllegalTransition,
        InvalidArgument,
        InvalidMoney,
        InvalidSelection,
        InvalidTenant,
        NameTaken,
        NoActiveSubscription,
        NothingScheduled,
        TrialRefused,
    )
    from echodesk_billing.domain.events import (
        CardForgotten,
        CardSaved,
        DefaultCardChosen,
        Event,
        InvoiceIssued,
        OrderAttentionResolved,
        OrderCompleted,
        OrderCorrected,
        OrderCreated,
        OrderMismatch,
        OrderRefunded,
        OrderRejected,
        PaymentActionRequired,
        ReminderDue,
        SubscriptionActivated,
        SubscriptionCancelled,
        SubscriptionChanged,
        SubscriptionChangeDropped,
        SubscriptionChangeScheduled,
        SubscriptionEnded,
        SubscriptionPastDue,
        SubscriptionRenewed,
        SubscriptionResumed,
        SubscriptionSuspended,
        TenantRegistered,
        TrialStarted,
    )
    from echodesk_billing.domain.money import Currency, Money
    from echodesk_billing.domain.orders.payment_request import (
        BasketItem,
        Campaign,
        Capture,
        Loan,
        PaymentMethod,
        PaymentOptions,
        SaveCard,
        Split,
        SplitPart,
        Theme,
        Wallet,
    )
    from echodesk_billing.facade import Billing
    from echodesk_billing.ports.gateway import (
        GatewayError,
        GatewayInDoubt,
        GatewayNonsense,
        GatewayNotConfigured,
        GatewayRefused,
        GatewayTimeout,
        GatewayUnavailable,
        MalformedCallback,
    )
    from echodesk_billing.ports.storage import StorageUnavailable
    from echodesk_billing.ports.usage import Usage
    from echodesk_billing.ports.vault import VaultClosed
    from echodesk_billing.settings import InvalidSettings, Settings, load_settings

_WHERE = {
    "application.changes": ("When",),
    "application.errors": (
        "CallbackOrderUnknown",
        "CallbackRefused",
        "CardNotFound",
        "InvoiceNotFound",
        "OrderNotFound",
    ),
    "domain.catalogue.catalogue": ("Catalogue", "Feature", "Limits", "Package", "PricingModel"),
    "domain.errors": (
        "AmountTooLarge",
        "BillingError",
        "ChangeRefused",
        "IllegalTransition",
        "InvalidArgument",
        "InvalidMoney",
        "InvalidSelection",
        "InvalidTenant",
        "NameTaken",
        "NoActiveSubscription",
        "NothingScheduled",
        "TrialRefused",
    ),
    "domain.events": (
        "CardForgotten",
        "CardSaved",
        "DefaultCardChosen",
        "Event",
        "InvoiceIssued",
        "OrderCompleted",
        "OrderCorrected",
        "OrderCreated",
        "OrderMismatch",
        "OrderAttentionResolved",
        "OrderRefunded",
        "OrderRejected",
        "PaymentActionRequired",
        "ReminderDue",
        "SubscriptionActivated",
        "SubscriptionCancelled",
        "SubscriptionChanged",
        "SubscriptionChangeScheduled",
        "SubscriptionChangeDropped",
        "SubscriptionEnded",
        "SubscriptionPastDue",
        "SubscriptionRenewed",
        "SubscriptionResumed",
        "SubscriptionSuspended",
        "TenantRegistered",
        "TrialStarted",
    ),
    "domain.money": ("Currency", "Money"),
    "domain.orders.payment_request": (
        "BasketItem",
        "Campaign",
        "Capture",
        "Loan",
        "PaymentMethod",
        "PaymentOptions",
        "SaveCard",
        "Split",
        "SplitPart",
        "Theme",
        "Wallet",
    ),
    "domain.customers.registration": ("Applicant",),
    "facade": ("Billing",),
    "ports.gateway": (
        "GatewayError",
        "GatewayInDoubt",
        "GatewayNonsense",
        "GatewayNotConfigured",
        "GatewayRefused",
        "GatewayTimeout",
        "GatewayUnavailable",
        "MalformedCallback",
    ),
    "ports.storage": ("StorageUnavailable",),
    "ports.usage": ("Usage",),
    "ports.vault": ("VaultClosed",),
    "settings": ("InvalidSettings", "Settings", "load_settings"),
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)


__all__ = [
    "AmountTooLarge",
    "Applicant",
    "BasketItem",
    "Billing",
    "BillingError",
    "CallbackOrderUnknown",
    "CallbackRefused",
    "Campaign",
    "Capture",
    "CardForgotten",
    "CardNotFound",
    "CardSaved",
    "Catalogue",
    "ChangeRefused",
    "Currency",
    "DefaultCardChosen",
    "Event",
    "Feature",
    "GatewayError",
    "GatewayInDoubt",
    "GatewayNonsense",
    "GatewayNotConfigured",
    "GatewayRefused",
    "GatewayTimeout",
    "GatewayUnavailable",
    "IllegalTransition",
    "InvalidArgument",
    "InvalidMoney",
    "InvalidSelection",
    "InvalidSettings",
    "InvalidTenant",
    "InvoiceIssued",
    "InvoiceNotFound",
    "Limits",
    "Loan",
    "MalformedCallback",
    "Money",
    "NameTaken",
    "NoActiveSubscription",
    "NothingScheduled",
    "OrderAttentionResolved",
    "OrderCompleted",
    "OrderCorrected",
    "OrderCreated",
    "OrderMismatch",
    "OrderNotFound",
    "OrderRefunded",
    "OrderRejected",
    "Package",
    "PaymentActionRequired",
    "PaymentMethod",
    "PaymentOptions",
    "PricingModel",
    "ReminderDue",
    "SaveCard",
    "Settings",
    "Split",
    "SplitPart",
    "StorageUnavailable",
    "SubscriptionActivated",
    "SubscriptionCancelled",
    "SubscriptionChangeDropped",
    "SubscriptionChangeScheduled",
    "SubscriptionChanged",
    "SubscriptionEnded",
    "SubscriptionPastDue",
    "SubscriptionRenewed",
    "SubscriptionResumed",
    "SubscriptionSuspended",
    "TenantRegistered",
    "Theme",
    "TrialRefused",
    "TrialStarted",
    "Usage",
    "VaultClosed",
    "Wallet",
    "When",
    "load_settings",
]
