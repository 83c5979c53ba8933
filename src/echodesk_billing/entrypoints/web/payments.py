"""Payments: create, status, the bank's webhook."""

from __future__ import annotations

from echodesk_billing.entrypoints.web.calls import Call
from echodesk_billing.entrypoints.web.schemas import (
    CallbackTaken,
    CreatePayment,
    Nothing,
    PaymentCreated,
    PaymentStatus,
)


async def create(call: Call[CreatePayment]) -> PaymentCreated:
    """`POST /api/payments/create/`."""
    order = await call.uses.checkout.buy(
        call.who,
        call.body.selection(),
        currency=call.body.currency,
        language=call.body.language,
        save_card=call.body.save_card,
        distinct="Idempotency-Key" in call.request.headers,
    )
    return PaymentCreated.of(order)


async def status(call: Call[Nothing]) -> PaymentStatus:
    """`GET /api/payments/status/<order_id>/`."""
    order = await call.uses.views.order(call.who, call.request.match_info["order_id"])
    return PaymentStatus.of(order, call.language)


async def webhook(call: Call[Nothing]) -> CallbackTaken:
    """`POST /api/payments/webhook/`: answered when the effect is committed."""
    raw_body = await call.request.read()
    await call.uses.callbacks.receive(raw_body, call.request.headers.get("Callback-Signature"))
    return CallbackTaken()
