"""Prometheus metrics of this process: counted after a commit, or after a call to the bank."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from echodesk_billing.domain.events import (
    Event,
    OrderCompleted,
    OrderCorrected,
    OrderRefunded,
    OrderRejected,
    PaymentActionRequired,
    SubscriptionPastDue,
    SubscriptionRenewed,
    SubscriptionSuspended,
)
from echodesk_billing.domain.notifications.mail import Mail
from echodesk_billing.domain.notifications.webhook import Delivery
from echodesk_billing.ports.storage import InboxEntry

EVENTS = Counter("billing_events_total", "Committed domain events", ["type"])
CAPTURED = Counter("billing_money_captured_total", "Money captured, in major units", ["currency"])
REFUNDED = Counter("billing_money_refunded_total", "Money refunded, in major units", ["currency"])
PAYMENTS = Counter("billing_payments_total", "Payments that ended", ["outcome", "code"])
RENEWALS = Counter("billing_renewals_total", "What became of periods that were due", ["outcome"])
CALLBACKS = Counter("billing_callbacks_total", "Callbacks received", ["verdict", "outcome"])
MAILS = Counter("billing_mails_total", "Mails by what became of them", ["state"])
DELIVERIES = Counter("billing_webhook_deliveries_total", "Webhook attempts by what became of them", ["state"])
BANK_CALLS = Counter("billing_bank_calls_total", "Calls to the bank", ["call", "outcome"])
BANK_SECONDS = Histogram(
    "billing_bank_call_seconds",
    "Time until the bank answered",
    ["call"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30),
)
BREAKER = Gauge("billing_bank_breaker_open", "1 while the bank is not called, because it failed repeatedly")
CONNECTIONS = Gauge("billing_database_connections", "Connections of this process's pool", ["state"])
JOBS_WAITING = Gauge("billing_queue_jobs_waiting", "Jobs of renewals that wait for a worker")

_RENEWED = {
    SubscriptionRenewed: "renewed",
    PaymentActionRequired: "asked",
    SubscriptionPastDue: "past_due",
    SubscriptionSuspended: "suspended",
}


@cache
def _counter(counter: Counter, *labels: str) -> Counter:
    """A counter with its labels, which are few; finding it costs more than counting."""
    return counter.labels(*labels)


def count_events(events: Sequence[Event]) -> None:
    """Count events that were committed."""
    for event in events:
        _counter(EVENTS, event.name).inc()
        if (outcome := _RENEWED.get(type(event))) is not None:
            RENEWALS.labels(outcome).inc()
        match event:
            case OrderCompleted() | OrderCorrected():
                _counter(PAYMENTS, "paid" if isinstance(event, OrderCompleted) else "corrected", "100").inc()
                _counter(CAPTURED, event.captured.currency).inc(float(event.captured.amount))
            case OrderRejected():
                PAYMENTS.labels("declined" if event.code else "expired", event.code or "").inc()
            case OrderRefunded():
                REFUNDED.labels(event.amount.currency).inc(float(event.amount.amount))


def count_callbacks(entries: Sequence[InboxEntry]) -> None:
    """Count callbacks that were recorded."""
    for entry in entries:
        _counter(CALLBACKS, entry.verdict, entry.outcome).inc()


def count_mails(mails: Sequence[Mail]) -> None:
    """Count mails whose state was stored."""
    for mail in mails:
        MAILS.labels(mail.state.value).inc()


def count_deliveries(deliveries: Sequence[Delivery]) -> None:
    """Count attempts to deliver webhooks."""
    for delivery in deliveries:
        DELIVERIES.labels(delivery.state.value).inc()
