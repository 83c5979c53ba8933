"""What an operator may do about an order."""

from __future__ import annotations

from collections.abc import Sequence

from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.console.act import PART, REASON, Act, Effect, Field, amount, text
from echodesk_billing.entrypoints.console.visit import Form, Visit


def possible_acts(order: Order) -> list[str]:
    """What may be done about an order."""
    held = order.state is OrderState.BLOCKED
    possible = {
        "resolve": bool(order.attention),
        "refund": order.is_paid and order.state is not OrderState.REFUNDED,
        "capture": held,
        "release": held,
    }
    return [name for name, is_possible in possible.items() if is_possible]


async def _foresee_refund(visit: Visit, order_id: str, sent: Form) -> Sequence[Effect]:
    order = await visit.uses.views.order(visit.who, order_id)
    refunded = await visit.uses.refunds.preview(visit.who, order_id, amount(sent))
    return [Effect("refunded", str(order.refunded), str(order.refunded + refunded))]


async def _refund(visit: Visit, order_id: str, sent: Form, key: str) -> object:
    return await visit.uses.acts.refund(
        visit.who,
        order_id,
        amount(sent),
        text(sent, "reason"),
        refund_id=key,
        cancel_subscription=text(sent, "also_cancel") == "yes",
    )


async def _foresee_resolve(visit: Visit, order_id: str, _sent: Form) -> Sequence[Effect]:
    order = await visit.uses.views.order(visit.who, order_id)
    return [Effect("needs_attention", reason, "") for reason in order.attention]


async def _resolve(visit: Visit, order_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.settlement.resolve(visit.who, order_id, text(sent, "note"))


async def _foresee_held(visit: Visit, order_id: str, sent: Form) -> Sequence[Effect]:
    order = await visit.uses.views.order(visit.who, order_id)
    captured = f"{amount(sent) or order.amount.amount} {order.amount.currency}"
    return [Effect("captured", visit.words[f"order_{order.state}"], captured)]


async def _foresee_release(visit: Visit, order_id: str, _sent: Form) -> Sequence[Effect]:
    order = await visit.uses.views.order(visit.who, order_id)
    return [Effect("state", visit.words[f"order_{order.state}"], visit.words["order_rejected"])]


async def _capture(visit: Visit, order_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.preauthorisation.capture(visit.who, order_id, amount(sent))


async def _release(visit: Visit, order_id: str, _sent: Form, _key: str) -> object:
    return await visit.uses.preauthorisation.release(visit.who, order_id)


ORDER_ACTS = (
    Act("resolve", "orders", (Field("note"),), _foresee_resolve, _resolve),
    Act("refund", "orders", (PART, REASON, Field("also_cancel", "checkbox", required=False)), _foresee_refund, _refund),
    Act("capture", "orders", (PART,), _foresee_held, _capture),
    Act("release", "orders", (), _foresee_release, _release),
)
