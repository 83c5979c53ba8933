"""What an operator may do about a tenant's subscription."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.subscriptions.gifts import MOST_DAYS
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.payments import PaymentStatus
from echodesk_billing.ports.access import Scope


class GiveDays(Struct, frozen=True, kw_only=True):
    """Days of access, and why they are given."""

    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class GivenDays(Struct, frozen=True, kw_only=True):
    """The subscription once the days are given."""

    tenant_id: str
    state: str
    paid_until: datetime | None
    access_until: datetime | None

    @classmethod
    def of(cls, subscription: Subscription) -> GivenDays:
        """From a subscription."""
        return cls(
            tenant_id=subscription.tenant_id,
            state=subscription.state,
            paid_until=subscription.paid_until,
            access_until=subscription.access_until,
        )


async def give_days(call: Call[GiveDays]) -> GivenDays:
    """`POST /api/subscription/<tenant_id>/give-days/`."""
    tenant_id = check_tenant_id(call.request.parameters["tenant_id"])
    body = call.body
    return GivenDays.of(await call.uses.acts.give_days(call.who, tenant_id, body.days, body.reason, key=call.key))


async def retry_charge(call: Call[Nothing]) -> PaymentStatus:
    """`POST /api/subscription/<tenant_id>/retry-charge/`."""
    order = await call.uses.acts.retry(call.who, check_tenant_id(call.request.parameters["tenant_id"]))
    return PaymentStatus.of(order, call.language)


ROUTES = (
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/give-days/",
        handler=give_days,
        operation="giveDays",
        summary="Give a tenant days of access, after its paid time or from now",
        takes=GiveDays,
        gives=GivenDays,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/retry-charge/",
        handler=retry_charge,
        operation="retryCharge",
        summary="Charge a tenant's saved card for the owed period now",
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
)
