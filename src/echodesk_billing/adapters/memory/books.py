"""The journal, and invoices with their serial numbers, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry, EntryKind
from echodesk_billing.domain.money import Currency, Money


class MemoryBooks:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory

    def post(self, entries: Sequence[Entry]) -> None:
        self._memory.entries.extend(entries)

    def of_order(self, order_id: str) -> Sequence[Entry]:
        return [entry for entry in self._memory.entries if entry.order_id == order_id]

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        return [entry for entry in self._memory.entries if entry.tenant_id == tenant_id][:limit]

    def latest_of(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        return [entry for entry in reversed(self._memory.entries) if entry.tenant_id == tenant_id][:limit]

    def numbered(self, series: str, serial: int) -> Invoice | CreditNote | None:
        documents: list[Invoice | CreditNote] = [*self._memory.invoices, *self._memory.credit_notes]
        return next((one for one in documents if (one.series, one.serial) == (series, serial)), None)

    def balance(self, account: str) -> dict[Currency, Money]:
        balances: dict[Currency, Money] = {}
        for entry in self._memory.entries:
            before = balances.get(entry.amount.currency, Money.zero(entry.amount.currency))
            if entry.debit == account:
                balances[entry.amount.currency] = before + entry.amount
            elif entry.credit == account:
                balances[entry.amount.currency] = before - entry.amount
        return balances

    def refunded(self, order_ids: Sequence[str]) -> dict[str, Money]:
        sums: dict[str, Money] = {}
        for entry in self._memory.entries:
            if entry.order_id in order_ids and entry.kind is EntryKind.REFUND:
                sums[entry.order_id] = sums.get(entry.order_id, Money.zero(entry.amount.currency)) + entry.amount
        return sums

    def next_serial(self, series: str) -> int:
        self._memory.serials[series] = self._memory.serials.get(series, 0) + 1
        return self._memory.serials[series]

    def serial_when_stored(self, series: str) -> int:
        """The next number at once."""
        return self.next_serial(series)

    def issue(self, invoice: Invoice) -> None:
        self._memory.invoices.append(evolve(invoice, id=len(self._memory.invoices) + 1))

    def invoices_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[Invoice]:
        return [one for one in self._memory.invoices if one.id > after and start <= one.issued_at < end][:limit]

    def credit_notes_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[CreditNote]:
        return [one for one in self._memory.credit_notes if one.id > after and start <= one.issued_at < end][:limit]

    def entries_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        numbered = enumerate(self._memory.entries, 1)
        return [(number, one) for number, one in numbered if number > after and start <= one.at < end][:limit]

    def invoice_of_order(self, order_id: str) -> Invoice | None:
        return next((one for one in self._memory.invoices if one.order_id == order_id), None)

    def issue_credit_note(self, note: CreditNote) -> None:
        self._memory.credit_notes.append(evolve(note, id=len(self._memory.credit_notes) + 1))

    def credit_note(self, note_id: int, tenant_id: str | None) -> CreditNote | None:
        found = (one for one in self._memory.credit_notes if one.id == note_id and tenant_id in (None, one.tenant_id))
        return next(found, None)

    def credit_notes_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[CreditNote]:
        newest_first = reversed(self._memory.credit_notes)
        chosen = [one for one in newest_first if tenant_id in (None, one.tenant_id) and (not before or one.id < before)]
        return chosen[:limit]

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        for invoice in self._memory.invoices:
            if invoice.id == invoice_id and tenant_id in (None, invoice.tenant_id):
                return invoice
        return None

    def invoices_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[Invoice]:
        newest_first = reversed(self._memory.invoices)
        chosen = [one for one in newest_first if tenant_id in (None, one.tenant_id) and (not before or one.id < before)]
        return chosen[:limit]
