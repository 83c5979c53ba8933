"""Subscriptions sold through the Bank of Georgia.

The face of the library: `Billing`, `Money`, the events and the errors people catch. Everything else is private.
Names are loaded when they are first used, so that `echodesk_billing.domain` can be imported without any adapter.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from echodesk_billing.application.errors import CallbackOrderUnknown, CallbackRefused, OrderNotFound
    from echodesk_billing.domain.catalogue import Catalogue, Feature, Limits, Package, PricingModel
    from echodesk_billing.domain.errors import (
        BillingError,
        IllegalTransition,
        InvalidMoney,
        InvalidSelection,
        NoActiveSubscription,
        SelectionChangeUnsupported,
    )
    from echodesk_billing.domain.events import (
        Event,
        OrderCompleted,
        OrderCorrected,
        OrderCreated,
        OrderMismatch,
        OrderRefunded,
        OrderRejected,
        SubscriptionActivated,
        SubscriptionCancelled,
        SubscriptionEnded,
        SubscriptionRenewed,
    )
    from echodesk_billing.domain.money import Currency, Money
    from echodesk_billing.facade import Billing
    from echodesk_billing.ports.gateway import (
        GatewayError,
        GatewayNonsense,
        GatewayNotConfigured,
        GatewayRefused,
        GatewayTimeout,
        GatewayUnavailable,
        MalformedCallback,
    )
    from echodesk_billing.ports.storage import StorageUnavailable
    from echodesk_billing.settings import InvalidSettings, Settings, load_settings

_WHERE = {
    "application.errors": ("CallbackOrderUnknown", "CallbackRefused", "OrderNotFound"),
    "domain.catalogue": ("Catalogue", "Feature", "Limits", "Package", "PricingModel"),
    "domain.errors": (
        "BillingError",
        "IllegalTransition",
        "InvalidMoney",
        "InvalidSelection",
        "NoActiveSubscription",
        "SelectionChangeUnsupported",
    ),
    "domain.events": (
        "Event",
        "OrderCompleted",
        "OrderCorrected",
        "OrderCreated",
        "OrderMismatch",
        "OrderRefunded",
        "OrderRejected",
        "SubscriptionActivated",
        "SubscriptionCancelled",
        "SubscriptionEnded",
        "SubscriptionRenewed",
    ),
    "domain.money": ("Currency", "Money"),
    "facade": ("Billing",),
    "ports.gateway": (
        "GatewayError",
        "GatewayNonsense",
        "GatewayNotConfigured",
        "GatewayRefused",
        "GatewayTimeout",
        "GatewayUnavailable",
        "MalformedCallback",
    ),
    "ports.storage": ("StorageUnavailable",),
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
    "Billing",
    "BillingError",
    "CallbackOrderUnknown",
    "CallbackRefused",
    "Catalogue",
    "Currency",
    "Event",
    "Feature",
    "GatewayError",
    "GatewayNonsense",
    "GatewayNotConfigured",
    "GatewayRefused",
    "GatewayTimeout",
    "GatewayUnavailable",
    "IllegalTransition",
    "InvalidMoney",
    "InvalidSelection",
    "InvalidSettings",
    "Limits",
    "MalformedCallback",
    "Money",
    "NoActiveSubscription",
    "OrderCompleted",
    "OrderCorrected",
    "OrderCreated",
    "OrderMismatch",
    "OrderNotFound",
    "OrderRefunded",
    "OrderRejected",
    "Package",
    "PricingModel",
    "SelectionChangeUnsupported",
    "Settings",
    "StorageUnavailable",
    "SubscriptionActivated",
    "SubscriptionCancelled",
    "SubscriptionEnded",
    "SubscriptionRenewed",
    "load_settings",
]
