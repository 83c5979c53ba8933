"""What became of a payment, by the best evidence: the bank's receipt, the body of its callback, the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from attrs import evolve, frozen

from echodesk_billing.domain.importing.findings import Kind
from echodesk_billing.domain.importing.payment import Payment
from echodesk_billing.domain.importing.records import OldAttempt, OldOrder
from echodesk_billing.domain.importing.rules import Receipts
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from echodesk_billing.domain.orders.response_codes import PAID

STATUSES = {
    "paid": BankStatus.COMPLETED,
    "success": BankStatus.COMPLETED,
    "pending": BankStatus.PROCESSING,
    "processing": BankStatus.PROCESSING,
}
"""What the words of the tables mean; every other one means that nothing was paid."""
_NEVER_SENT = "it never reached the bank, says the CRM"
_NOT_KNOWN = "the bank does not know it"


@frozen(kw_only=True)
class Contradiction:
    """Why the tables are not believed."""

    kind: Kind
    message: str


@frozen(kw_only=True)
class Evidence:
    """What is known about all payments.

    Args:
        responses: bodies of the bank's callbacks that the CRM kept, by the bank's id.
        owners: which order each of the bank's ids belongs to.
    """

    receipts: Receipts
    responses: Mapping[str, BankReport]
    owners: Mapping[str, str]

    @classmethod
    def of(cls, orders: Iterable[OldOrder], attempts: Iterable[OldAttempt], receipts: Receipts) -> Evidence:
        """The evidence about the rows of all tenants."""
        responses = {one.bank_order_id: one.response for one in attempts if one.bank_order_id and one.response}
        return cls(receipts=receipts, responses=responses, owners=_owners(orders, receipts, responses))

    def report(self, payment: Payment) -> tuple[BankReport, Contradiction | None]:
        """What the payment came to, and why that is not what the tables say."""
        bank_id = payment.old.bank_order_id
        owner = self.owners.get(bank_id, payment.order_id)
        if owner != payment.order_id:
            reason = f"the bank has one payment for it and {owner}, which keeps it"
            return _said(payment, BankStatus.REJECTED, reason), Contradiction(kind=Kind.DUPLICATE, message=reason)
        asked = payment.bank_order_id or payment.order_id
        if asked in self.receipts.foreign:
            reason = f"the bank's order {asked} belongs to another merchant"
            refused = Contradiction(kind=Kind.ANOTHER_MERCHANT, message=reason)
            return _said(payment, BankStatus.REJECTED, reason), refused
        if (receipt := self.receipts.of(asked)) is not None:
            named = receipt.external_order_id or payment.order_id
            if not named.endswith(payment.order_id):
                reason = f"the bank links its order {asked} to {named}: it does not count as paid"
                return _said(payment, BankStatus.REJECTED, reason), Contradiction(kind=Kind.CONFLICT, message=reason)
            return evolve(receipt, external_order_id=None), None
        return self._without_receipt(payment, asked)

    def _without_receipt(self, payment: Payment, asked: str) -> tuple[BankReport, Contradiction | None]:
        status = STATUSES.get(payment.old.status, BankStatus.REJECTED)
        response = self.responses.get(payment.old.bank_order_id)
        refunded = isinstance(payment.old, OldOrder) and payment.old.metadata.get("bog_status") == BankStatus.REFUNDED
        denied = None
        if self.receipts.was_asked(asked):
            if status is BankStatus.COMPLETED and payment.stated:
                reason = f"{payment.old.status} in the tables, and {_NOT_KNOWN}: it does not count as paid"
                denied = Contradiction(kind=Kind.UNKNOWN_AT_BANK, message=reason)
            report = _said(payment, BankStatus.REJECTED, _NOT_KNOWN)
        elif response is not None and response.claims_money:
            report = evolve(response, external_order_id=None)
        elif status is BankStatus.PROCESSING and not payment.bank_order_id:
            report = _said(payment, BankStatus.REJECTED, _NEVER_SENT)
        elif refunded:
            report = _said(payment, BankStatus.REFUNDED)
        else:
            report = _said(payment, status, f"{payment.old.status}, says the CRM")
        return report, denied


def _owners(orders: Iterable[OldOrder], receipts: Receipts, responses: Mapping[str, BankReport]) -> dict[str, str]:
    """Which order each of the bank's ids belongs to: several rows can have the same."""
    sharing: dict[str, list[OldOrder]] = defaultdict(list)
    for one in orders:
        if one.bank_order_id:
            sharing[one.bank_order_id].append(one)
    owners = {}
    for bank_order_id, rows in sharing.items():
        told = receipts.of(bank_order_id) or responses.get(bank_order_id)
        named = told.external_order_id if told else None
        ranked = sorted(rows, key=lambda one: (one.order_id != named, one.status != "paid", one.created_at, one.id))
        owners[bank_order_id] = ranked[0].order_id
    return owners


def _said(payment: Payment, status: BankStatus, reason: str | None = None) -> BankReport:
    """What the tables say, as a report."""
    paid = payment.stated if status in (BankStatus.COMPLETED, BankStatus.REFUNDED) else None
    return BankReport(
        source=Source.IMPORT,
        bank_order_id=payment.bank_order_id,
        status=status,
        code=PAID if status is BankStatus.COMPLETED else None,
        transferred=paid,
        refunded=paid if status is BankStatus.REFUNDED else None,
        reject_reason=reason if status is BankStatus.REJECTED else None,
    )


def gross(report: BankReport, stated: Money) -> Money | None:
    """What was paid, before refunds: the bank states it net of them, or not. None where nothing was.

    Args:
        stated: the amount in the tables, which decides where both are possible.
    """
    paid = report.transferred
    if paid is None or not report.claims_money:
        return None
    returned = report.returned
    if not returned or stated == paid or (report.status is BankStatus.REFUNDED and paid == returned):
        return paid
    return paid + returned
