"""Every path of the API, in one table."""

from __future__ import annotations

from echodesk_billing.entrypoints.web import health, payments, subscriptions
from echodesk_billing.entrypoints.web.calls import Route
from echodesk_billing.entrypoints.web.schemas import (
    CallbackTaken,
    CancelSubscription,
    CreatePayment,
    Health,
    MySubscription,
    PackageView,
    PaymentCreated,
    PaymentStatus,
    Readiness,
    SubscriptionCancelled,
)
from echodesk_billing.ports.access import Scope

WEBHOOK = "/api/payments/webhook/"

ROUTES = (
    Route(
        method="POST",
        path="/api/payments/create/",
        handler=payments.create,
        summary="Start a payment for a package or a set of features",
        takes=CreatePayment,
        gives=PaymentCreated,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path="/api/payments/status/{order_id}/",
        handler=payments.status,
        summary="What became of a payment, by our id or the bank's",
        gives=PaymentStatus,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path=WEBHOOK,
        handler=payments.webhook,
        summary="The bank's callback",
        gives=CallbackTaken,
    ),
    Route(
        method="POST",
        path="/api/payments/cancel/",
        handler=subscriptions.cancel,
        summary="Cancel the subscription, by default at the end of the paid period",
        takes=CancelSubscription,
        gives=SubscriptionCancelled,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path="/api/packages/",
        handler=subscriptions.packages,
        summary="What is sold",
        gives=list[PackageView],
    ),
    Route(
        method="GET",
        path="/api/subscription/me/",
        handler=subscriptions.me,
        summary="The tenant's subscription",
        gives=MySubscription,
        scope=Scope.READ,
    ),
    Route(method="GET", path="/healthz", handler=health.alive, summary="The process is up", gives=Health),
    Route(
        method="GET",
        path="/readyz",
        handler=health.ready,
        summary="Whether payments can be taken: database and gateway",
        gives=Readiness,
        status=lambda readiness: 200 if readiness.status == "ready" else 503,
    ),
)
