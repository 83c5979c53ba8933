"""What an operator may do about a tenant's subscription."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from attrs import evolve
from msgspec import Meta, Struct

from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.subscriptions.gifts import MOST_DAYS
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import OptionalChoice
from echodesk_billing.entrypoints.http.payments import PaymentStatus
from echodesk_billing.ports.access import Scope

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class GiveDays(Struct, frozen=True, kw_only=True):
    """Days of access, and why they are given."""

    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)]
    reason: Reason


class MakeComplimentary(OptionalChoice, frozen=True, kw_only=True):
    """Until when a plan is complimentary (for good where `until` is null), and why.

    `package_id` or `features` name the plan of a tenant that has none.
    """

    reason: Reason
    until: date | None = None


class PauseSubscription(Struct, frozen=True, kw_only=True):
    """Until when a subscription is paused (until it is resumed where `until` is null), and why."""

    reason: Reason
    until: date | None = None


class OperatorReason(Struct, frozen=True, kw_only=True):
    """Why an operator acts, for the record."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class OperatedSubscription(Struct, frozen=True, kw_only=True):
    """The subscription after an act. `complimentary_until` is null where it is for good."""

    tenant_id: str
    state: str
    paid_until: datetime | None
    access_until: datetime | None
    is_complimentary: bool
    complimentary_until: datetime | None
    is_pause_planned: bool
    resumes_at: datetime | None

    @classmethod
    def of(cls, subscription: Subscription) -> OperatedSubscription:
        """From a subscription."""
        return cls(
            tenant_id=subscription.tenant_id,
            state=subscription.state,
            paid_until=subscription.paid_until,
            access_until=subscription.access_until,
            is_complimentary=subscription.complimentary is not None,
            complimentary_until=subscription.complimentary.until if subscription.complimentary else None,
            is_pause_planned=subscription.pause is not None,
            resumes_at=subscription.pause.until if subscription.pause else None,
        )


def tenant_of(call: Call[Any]) -> str:
    """The tenant that an operator names in the path.

    Raises:
        InvalidTenant: it cannot be one.
    """
    return check_tenant_id(call.request.parameters["tenant_id"])


async def give_days(call: Call[GiveDays]) -> OperatedSubscription:
    """`POST /api/subscription/<tenant_id>/give-days/`."""
    acts, body = call.uses.subscription_acts, call.body
    return OperatedSubscription.of(
        await acts.give_days(call.who, tenant_of(call), body.days, body.reason, key=call.key)
    )


async def make_complimentary(call: Call[MakeComplimentary]) -> OperatedSubscription:
    """`POST /api/subscription/<tenant_id>/complimentary/`."""
    acts, body = call.uses.subscription_acts, call.body
    return OperatedSubscription.of(
        await acts.make_complimentary(
            call.who, tenant_of(call), body.reason, until=body.until, selection=body.selection()
        )
    )


async def pause(call: Call[PauseSubscription]) -> OperatedSubscription:
    """`POST /api/subscription/<tenant_id>/pause/`."""
    acts, body = call.uses.subscription_acts, call.body
    return OperatedSubscription.of(await acts.pause(call.who, tenant_of(call), body.reason, until=body.until))


async def resume(call: Call[OperatorReason]) -> OperatedSubscription:
    """`POST /api/subscription/<tenant_id>/resume/`."""
    return OperatedSubscription.of(
        await call.uses.cancel.resume(evolve(call.who, tenant_id=tenant_of(call)), call.body.reason)
    )


async def retry_charge(call: Call[OperatorReason]) -> PaymentStatus:
    """`POST /api/subscription/<tenant_id>/retry-charge/`."""
    order = await call.uses.acts.retry(call.who, tenant_of(call), call.body.reason)
    return PaymentStatus.of(order, call.language)


ROUTES = (
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/give-days/",
        handler=give_days,
        operation="giveDays",
        summary="Give a tenant days of access, after its paid time or from now",
        takes=GiveDays,
        gives=OperatedSubscription,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/complimentary/",
        handler=make_complimentary,
        operation="makeComplimentary",
        summary="Charge a tenant nothing after its paid time, until a day or for good",
        takes=MakeComplimentary,
        gives=OperatedSubscription,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/pause/",
        handler=pause,
        operation="pauseSubscription",
        summary="Pause a subscription at the end of its paid time",
        takes=PauseSubscription,
        gives=OperatedSubscription,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/resume/",
        handler=resume,
        operation="resumeSubscriptionOfTenant",
        summary="End a pause, or undo a cancellation, of a tenant",
        takes=OperatorReason,
        gives=OperatedSubscription,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/retry-charge/",
        handler=retry_charge,
        operation="retryCharge",
        summary="Charge a tenant's saved card for the owed period now",
        takes=OperatorReason,
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
)
