"""The payments of the old tables as orders: what the bank says beats what the tables say."""

from __future__ import annotations

from collections.abc import Sequence

from echodesk_billing.domain.errors import InvalidMoney
from echodesk_billing.domain.importing.evidence import STATUSES, Evidence, gross
from echodesk_billing.domain.importing.findings import Finding, Kind
from echodesk_billing.domain.importing.payment import (
    LONGEST_BANK_ID,
    LONGEST_ID,
    PURPOSES,
    RETRY,
    Buyer,
    Payment,
    amount_of,
)
from echodesk_billing.domain.importing.records import OldAttempt, OldOrder
from echodesk_billing.domain.importing.rules import ImportRules
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.contested import REFUNDED_OUTSIDE
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import PaymentRequest
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source


def payments(
    orders: Sequence[OldOrder],
    attempts: Sequence[OldAttempt],
    evidence: Evidence,
    rules: ImportRules,
    buyer: Buyer,
) -> tuple[list[Payment], list[Finding]]:
    """The payments of one tenant, oldest first, and what was found about them."""
    found: list[Finding] = []
    made: list[Payment] = []
    for old in sorted(orders, key=lambda one: (one.created_at, one.id)):
        payment, problem = _of_order(old, evidence)
        if payment is None:
            found.append(Finding(kind=Kind.LEFT_ALONE, tenant=buyer.tenant_id, subject=old.order_id, message=problem))
            continue
        found += _settle(payment, evidence, rules, buyer)
        made.append(payment)
    for payment in (_of_attempt(one, evidence) for one in _retries(attempts, evidence)):
        contradictions = _settle(payment, evidence, rules, buyer)
        if payment.order is None or not (payment.order.is_paid or payment.order.is_open):
            continue
        made.append(payment)
        if payment.order.is_paid:
            message = f"{payment.paid} was paid on {payment.paid_at:%Y-%m-%d}, and no payment order of the CRM knows it"
            found += [payment.finding(Kind.CHARGE_WITHOUT_ORDER, buyer.tenant_id, message), *contradictions]
    return sorted(made, key=lambda one: one.paid_at), found


def _of_order(old: OldOrder, evidence: Evidence) -> tuple[Payment | None, str]:
    if old.prefix not in PURPOSES or len(old.order_id) > LONGEST_ID:
        return None, f"{old.amount} {old.currency}, {old.status}: its id is not one of the CRM's payments at the bank"
    try:
        stated = amount_of(old.amount, old.currency)
    except InvalidMoney as error:
        return None, f"its amount cannot be kept: {error}"
    is_own = evidence.owners.get(old.bank_order_id, old.order_id) == old.order_id
    payment = Payment(
        order_id=old.order_id,
        bank_order_id=old.bank_order_id[:LONGEST_BANK_ID] if is_own else "",
        prefix=old.prefix,
        stated=stated,
        paid_at=old.paid_at or old.created_at,
        old=old,
    )
    return payment, ""


def _of_attempt(old: OldAttempt, evidence: Evidence) -> Payment:
    known = evidence.receipts.of(old.bank_order_id) or old.response
    external = (known.external_order_id if known else None) or ""
    return Payment(
        order_id=external if 0 < len(external) <= LONGEST_ID else f"{RETRY}-{old.id}",
        bank_order_id=old.bank_order_id[:LONGEST_BANK_ID],
        prefix=RETRY,
        stated=amount_of(old.amount),
        paid_at=old.attempted_at,
        old=old,
    )


def _retries(attempts: Sequence[OldAttempt], evidence: Evidence) -> list[OldAttempt]:
    """The attempts that no payment order stands for; each of the bank's ids once."""
    found: dict[str, OldAttempt] = {}
    for one in sorted(attempts, key=lambda one: (one.attempted_at, one.id)):
        if one.bank_order_id and one.bank_order_id not in evidence.owners:
            found.setdefault(one.bank_order_id, one)
    return list(found.values())


def _settle(payment: Payment, evidence: Evidence, rules: ImportRules, buyer: Buyer) -> list[Finding]:
    """Decide what the payment came to, and make its order; one of 0.00 is none."""
    report, contradiction = evidence.report(payment)
    payment.bank_order_id = payment.bank_order_id or report.bank_order_id
    found = []
    if contradiction is not None:
        found.append(payment.finding(contradiction.kind, buyer.tenant_id, contradiction.message))
    paid = gross(report, payment.stated)
    if not (paid or payment.stated):
        return found
    if paid is not None and paid != payment.stated:
        source = "receipt" if report.source is Source.RECEIPT else "callback"
        message = f"{payment.stated} in the tables, {paid} by the bank's {source}: what the bank says counts"
        found.append(payment.finding(Kind.AMOUNT_DIFFERS, buyer.tenant_id, message))
    order = payment.order = _new_order(payment, report, paid, rules, buyer)
    order.observe(report, rules.now)
    order.clear(lambda reason: reason.startswith(REFUNDED_OUTSIDE), "it was refunded before the import", rules.now)
    order.bank_order_id = payment.bank_order_id or None
    found += [payment.finding(Kind.AMOUNT_DIFFERS, buyer.tenant_id, reason) for reason in order.attention]
    if order.is_open and isinstance(payment.old, OldOrder):
        order.payment_url = payment.old.payment_url or None
    order.check_at = None if order.is_settled else rules.now
    return [*found, *_compared(payment, order, report, buyer)]


def _new_order(payment: Payment, report: BankReport, paid: Money | None, rules: ImportRules, buyer: Buyer) -> Order:
    discount = report.discount
    fits = paid is not None and discount is not None and discount.currency is paid.currency
    old, purpose = payment.old, PURPOSES[payment.prefix]
    metadata = old.metadata if isinstance(old, OldOrder) else {}
    order = Order(
        id=payment.order_id,
        idempotency_key=derived_key(payment.order_id, "import"),
        tenant_id=buyer.tenant_id,
        purpose=purpose,
        amount=paid + discount if paid and discount and fits else paid or payment.stated,
        request=PaymentRequest(
            product_id="card" if purpose is Purpose.CARD else "subscription",
            description=f"{payment.prefix} - {buyer.name}",
            callback_url=rules.callback_url,
            success_url="",
            fail_url="",
            parent_order_id=str(metadata.get("parent_order_id") or "") or None,
            is_automatic=purpose is Purpose.RENEWAL,
            tenant_name=buyer.name,
            subdomain=buyer.subdomain,
        ),
        created_at=old.created_at if isinstance(old, OldOrder) else old.attempted_at,
        updated_at=rules.now,
    )
    said = f"{payment.stated}, {old.status}, says the CRM"
    order.steps.append(
        Step(at=rules.now, event="import", source=Source.IMPORT, before="", after=order.state, detail=said, by=rules.by)
    )
    return order


def _compared(payment: Payment, order: Order, report: BankReport, buyer: Buyer) -> list[Finding]:
    """Where the tables and the bank tell different stories."""
    was_paid = STATUSES.get(payment.old.status) is BankStatus.COMPLETED
    found = []
    if report.source is not Source.IMPORT and payment.prefix != RETRY and was_paid != order.is_paid:
        what = f"paid {order.captured}" if order.is_paid else f"{order.state}: it does not count as paid"
        message = f"{payment.old.status} in the tables, and at the bank {what}"
        found.append(payment.finding(Kind.OUTCOME_DIFFERS, buyer.tenant_id, message))
    if order.refunded:
        message = f"{order.refunded} of {order.captured} was refunded; no day is taken away for it"
        found.append(payment.finding(Kind.REFUNDED, buyer.tenant_id, message))
    return found
