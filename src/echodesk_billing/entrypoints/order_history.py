"""The history of an order as text, shared by the console and the command line."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.application.views import OrderTimeline
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.response_codes import response_code


@frozen
class Happening:
    """One entry of an order's history.

    Args:
        what: its kind and source.
        detail: what it changed, or other data.
    """

    at: datetime
    what: str
    detail: str


def facts(order: Order) -> list[tuple[str, str]]:
    """The current facts of an order by name; reasons for attention are separate, as `attention`."""
    code = order.response_code
    return [
        ("order", order.id),
        ("tenant", order.tenant_id),
        ("state", order.state),
        ("amount", str(order.amount)),
        ("captured", str(order.captured or "nothing")),
        ("refunded", str(order.refunded)),
        *(("refund", _refund(one)) for one in order.refunds),
        ("bank's id", order.bank_order_id or "not known"),
        ("code", f"{code} {response_code(code).meaning}" if code else "none"),
        ("unknown outcome", unknown_outcome(order) or "no"),
    ]


def happenings(timeline: OrderTimeline) -> list[Happening]:
    """The history of an order: steps, callbacks, journal entries, events; oldest first."""
    told = [Happening(step.at, f"{step.event} ({step.source})", _change(step)) for step in timeline.history]
    told += [
        Happening(one.at, f"callback {one.outcome}", f"{one.verdict} {one.digest[:12]}") for one in timeline.callbacks
    ]
    told += [
        Happening(one.at, f"booked {one.kind}", f"{one.amount} from {one.credit} to {one.debit}")
        for one in timeline.entries
    ]
    told += [Happening(event.at, f"event {event.name}", event.id) for event in timeline.events]
    return sorted(told, key=lambda one: one.at)


def _change(step: Step) -> str:
    moved = "" if step.before == step.after else f"{step.before or '-'} → {step.after}"
    return f"{moved} {step.detail}".strip()


def _refund(refund: Refund) -> str:
    said = [refund.reason and f"for {refund.reason!r}", refund.by and f"by {refund.by}", refund.failure]
    return f"{refund.amount} {refund.state}: {', '.join(filter(None, said)) or 'requested at the bank'} ({refund.id})"
