"""Payments: create, status, refund, capture, release, the bank's webhook."""

from __future__ import annotations

from aiohttp import web

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.entrypoints.web.calls import Call, raw_body
from echodesk_billing.entrypoints.web.schemas import (
    ApplePayToken,
    CallbackTaken,
    CapturePayment,
    CreatePayment,
    Invoices,
    InvoiceView,
    Nothing,
    PaymentCreated,
    PaymentPage,
    PaymentStatus,
    RefundPayment,
    RefundRequested,
    ResolveOrder,
    Timeline,
)

INVOICE_PDF = "/api/payments/invoices/"


async def create(call: Call[CreatePayment]) -> PaymentCreated:
    """`POST /api/payments/create/`."""
    order = await call.uses.checkout.buy(
        call.who,
        call.body.selection(),
        currency=call.body.currency,
        terms=call.body.terms(),
        wallet_token=call.body.google_pay_token or "",
        key=call.key,
    )
    return PaymentCreated.of(order)


async def status(call: Call[Nothing]) -> PaymentStatus:
    """`GET /api/payments/status/<order_id>/`."""
    order = await call.uses.views.order(call.who, call.request.match_info["order_id"])
    return PaymentStatus.of(order, call.language)


async def webhook(call: Call[Nothing]) -> CallbackTaken:
    """`POST /api/payments/webhook/`: answered when the effect is committed."""
    body = await raw_body(call.request)
    await call.uses.callbacks.receive(body, call.request.headers.get("Callback-Signature"))
    return CallbackTaken()


async def apple_pay(call: Call[ApplePayToken]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/apple-pay/`."""
    order_id = call.request.match_info["order_id"]
    order = await call.uses.checkout.complete_apple_pay(call.who, order_id, call.body.apple_pay_token)
    return PaymentStatus.of(order, call.language)


async def refund(call: Call[RefundPayment]) -> RefundRequested:
    """`POST /api/payments/<order_id>/refund/`."""
    order, asked = await call.uses.refunds.refund(
        call.who, call.request.match_info["order_id"], call.body.amount, call.body.reason, refund_id=call.key
    )
    return RefundRequested.of(order, asked.id)


async def capture(call: Call[CapturePayment]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/capture/`."""
    order_id = call.request.match_info["order_id"]
    order = await call.uses.preauthorisation.capture(call.who, order_id, call.body.amount)
    return PaymentStatus.of(order, call.language)


async def release(call: Call[Nothing]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/release/`."""
    order = await call.uses.preauthorisation.release(call.who, call.request.match_info["order_id"])
    return PaymentStatus.of(order, call.language)


async def resolve(call: Call[ResolveOrder]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/resolve/`."""
    order = await call.uses.settlement.resolve(call.who, call.request.match_info["order_id"], call.body.note)
    return PaymentStatus.of(order, call.language)


async def manual(call: Call[Nothing]) -> PaymentPage:
    """`POST /api/payments/manual/`."""
    return PaymentPage.of(await call.uses.checkout.pay_now(call.who, key=call.key))


async def reactivate(call: Call[Nothing]) -> PaymentPage:
    """`POST /api/payments/reactivate/`."""
    return PaymentPage.of(await call.uses.checkout.reactivate(call.who, key=call.key))


async def invoices(call: Call[Nothing]) -> Invoices:
    """`GET /api/payments/invoices/`."""
    printed = call.uses.views.prints_invoices
    found = await call.uses.views.invoices(call.who)
    return Invoices(
        invoices=[
            InvoiceView.of(one, f"{call.uses.api_domain}{INVOICE_PDF}{one.id}/pdf/" if printed else None)
            for one in found
        ]
    )


async def invoice_pdf(call: Call[Nothing]) -> web.Response:
    """`GET /api/payments/invoices/<invoice_id>/pdf/`."""
    number = call.request.match_info["invoice_id"]
    if not number.isdecimal() or len(number) > 18:
        raise InvoiceNotFound
    language = call.request.query.get("language") or call.language
    invoice, pdf = await call.uses.views.invoice_pdf(call.who, int(number), language)
    named = {"Content-Disposition": f'inline; filename="{invoice.number}.pdf"'}
    return web.Response(body=pdf, content_type="application/pdf", headers=named)


async def timeline(call: Call[Nothing]) -> Timeline:
    """`GET /api/payments/<order_id>/timeline/`."""
    found = await call.uses.views.timeline(call.who, call.request.match_info["order_id"])
    return Timeline.of(found, call.language)
