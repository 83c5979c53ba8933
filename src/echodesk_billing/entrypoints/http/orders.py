"""Operations on an order: refund, capture, release, resolve, timeline."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from echodesk_billing.application.views import OrderTimeline
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import STATUS, Nothing, Status
from echodesk_billing.entrypoints.http.events import EventView
from echodesk_billing.entrypoints.http.payments import PaymentStatus, RefundView, refund_views
from echodesk_billing.ports.access import Scope


class RefundPayment(Struct, frozen=True, kw_only=True):
    """How much to refund; everything left where no amount is given. `cancel_subscription` also ends it now."""

    amount: Decimal | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""
    cancel_subscription: bool = False


class CapturePayment(Struct, frozen=True, kw_only=True):
    """How much of a held payment to capture; everything where no amount is given."""

    amount: Decimal | None = None


class ResolveOrder(Struct, frozen=True, kw_only=True):
    """What the operator found and did about an order that needs attention."""

    note: Annotated[str, Meta(min_length=1, max_length=500)]


class RefundRequested(Struct, frozen=True, kw_only=True):
    """A requested refund; the bank executes it later."""

    payment_id: str
    order_id: str
    status: Status
    currency: str
    captured: Decimal
    refunded: Decimal
    refund: RefundView

    @classmethod
    def of(cls, order: Order, refund_id: str) -> RefundRequested:
        """From an order and one of its refunds."""
        return cls(
            payment_id=order.id,
            order_id=order.id,
            status=STATUS[order.state],
            currency=order.amount.currency,
            captured=order.captured.amount if order.captured else Decimal("0.00"),
            refunded=order.refunded.amount,
            refund=next(view for view in refund_views(order) if view.refund_id == refund_id),
        )


class TimelineStep(Struct, frozen=True, kw_only=True):
    """One recorded step or event."""

    at: datetime
    event: str
    source: str
    before: str
    after: str
    detail: str
    by: str


class TimelineCallback(Struct, frozen=True, kw_only=True):
    """One callback about the order."""

    at: datetime
    verdict: str
    outcome: str
    digest: str


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One journal entry."""

    at: datetime
    kind: str
    debit: str
    credit: str
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, entry: Entry) -> TimelineEntry:
        """From an entry of the journal."""
        return cls(
            at=entry.at,
            kind=entry.kind,
            debit=entry.debit,
            credit=entry.credit,
            amount=entry.amount.amount,
            currency=entry.amount.currency,
        )


class Timeline(Struct, frozen=True, kw_only=True):
    """An order with its full history."""

    payment: PaymentStatus
    tenant_id: str
    attention: list[str]
    history: list[TimelineStep]
    callbacks: list[TimelineCallback]
    refunds: list[RefundView]
    entries: list[TimelineEntry]
    events: list[EventView]

    @classmethod
    def of(cls, timeline: OrderTimeline, language: str) -> Timeline:
        """From an order's timeline."""
        order = timeline.order
        return cls(
            payment=PaymentStatus.of(order, language),
            tenant_id=order.tenant_id,
            attention=list(order.attention),
            history=[
                TimelineStep(
                    at=step.at,
                    event=step.event,
                    source=step.source,
                    before=step.before,
                    after=step.after,
                    detail=step.detail,
                    by=step.by,
                )
                for step in timeline.history
            ],
            callbacks=[
                TimelineCallback(at=entry.at, verdict=entry.verdict, outcome=entry.outcome, digest=entry.digest)
                for entry in timeline.callbacks
            ],
            refunds=refund_views(order),
            entries=[TimelineEntry.of(entry) for entry in timeline.entries],
            events=[EventView.of(event) for event in timeline.events],
        )


async def refund(call: Call[RefundPayment]) -> RefundRequested:
    """`POST /api/payments/<order_id>/refund/`."""
    order, asked = await call.uses.acts.refund(
        call.who,
        call.request.parameters["order_id"],
        call.body.amount,
        call.body.reason,
        refund_id=call.key,
        cancel_subscription=call.body.cancel_subscription,
    )
    return RefundRequested.of(order, asked.id)


async def capture(call: Call[CapturePayment]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/capture/`."""
    order_id = call.request.parameters["order_id"]
    order = await call.uses.preauthorisation.capture(call.who, order_id, call.body.amount)
    return PaymentStatus.of(order, call.language)


async def release(call: Call[Nothing]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/release/`."""
    order = await call.uses.preauthorisation.release(call.who, call.request.parameters["order_id"])
    return PaymentStatus.of(order, call.language)


async def resolve(call: Call[ResolveOrder]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/resolve/`."""
    order = await call.uses.settlement.resolve(call.who, call.request.parameters["order_id"], call.body.note)
    return PaymentStatus.of(order, call.language)


async def timeline(call: Call[Nothing]) -> Timeline:
    """`GET /api/payments/<order_id>/timeline/`."""
    found = await call.uses.views.timeline(call.who, call.request.parameters["order_id"])
    return Timeline.of(found, call.language)


ROUTES = (
    Route(
        method="POST",
        path="/api/payments/{order_id}/refund/",
        handler=refund,
        operation="refundPayment",
        summary="Refund a payment in full or in part",
        takes=RefundPayment,
        gives=RefundRequested,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/payments/{order_id}/capture/",
        handler=capture,
        operation="capturePayment",
        summary="Capture a pre-authorised payment in full or in part",
        takes=CapturePayment,
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/payments/{order_id}/release/",
        handler=release,
        operation="releasePayment",
        summary="Release a pre-authorised payment",
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path="/api/payments/{order_id}/resolve/",
        handler=resolve,
        operation="resolvePayment",
        summary="Resolve a payment that needs attention",
        takes=ResolveOrder,
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="GET",
        path="/api/payments/{order_id}/timeline/",
        handler=timeline,
        operation="getPaymentTimeline",
        summary="The full history of a payment",
        gives=Timeline,
        scope=Scope.OPERATOR,
    ),
)
