"""A bank for unit tests: the gateway port in memory, with what may go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import evolve

from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, ReportedCard, Source
from echodesk_billing.ports.gateway import GatewayError, GatewayRefused, MalformedCallback, Verdict
from tests.builders import NOW, report


class FakeClock:
    def __init__(self) -> None:
        self.moment = NOW

    async def now(self) -> datetime:
        return self.moment

    def advance(self, **by: float) -> None:
        self.moment += timedelta(**by)


class CountingIds:
    def __init__(self) -> None:
        self.made = 0

    def _next(self) -> int:
        self.made += 1
        return self.made

    def order_id(self, purpose: Purpose) -> str:
        return f"{purpose}-{self._next():012X}"

    def idempotency_key(self) -> str:
        return f"00000000-0000-4000-8000-{self._next():012d}"

    def event_id(self, at: datetime) -> str:
        return f"{int(at.timestamp() * 1000):012x}-{self._next():08d}"

    def token(self) -> str:
        return f"{self._next():064x}"


class FakeBank:
    """Keeps one report per order. A callback's body names an order of its own and is believed when signed `good`."""

    def __init__(self) -> None:
        self.is_configured = True
        self.trouble: str | None = None
        self.created: dict[str, BankReport] = {}
        self.calls: list[tuple[str, str]] = []
        self.receipts: dict[str, BankReport] = {}
        self.failures: list[GatewayError] = []
        self.failures_of: dict[str, list[GatewayError]] = {}
        self.after_effect: GatewayError | None = None
        self.on_create: Callable[[Order], None] = lambda _: None
        self.saving: dict[str, SaveCard] = {}
        self.forgotten: set[str] = set()

    def _call(self, what: str, about: str) -> None:
        """Record a call; fail where that was asked for."""
        self.calls.append((what, about))
        waiting = self.failures_of.get(what) or self.failures
        if waiting:
            raise waiting.pop(0)

    def count(self, what: str) -> int:
        """How often it was asked."""
        return sum(1 for kind, _ in self.calls if kind == what)

    async def create_order(self, order: Order, wallet_token: str = "") -> BankReport:  # noqa: ARG002
        self._call("create", order.idempotency_key)
        if order.idempotency_key not in self.created:
            bank_order_id = f"bank-{len(self.created) + 1}"
            answer = report(
                BankStatus.CREATED,
                source=Source.ANSWER,
                bank_order_id=bank_order_id,
                external_order_id=order.id,
                payment_url=None if order.request.is_automatic else f"https://bank.example/?order_id={bank_order_id}",
            )
            self.created[order.idempotency_key] = answer
            self.receipts[bank_order_id] = evolve(answer, source=Source.RECEIPT, payment_url=None)
        if self.after_effect is not None:
            error, self.after_effect = self.after_effect, None
            raise error
        self.on_create(order)
        return self.created[order.idempotency_key]

    async def complete_apple_pay(self, order: Order, wallet_token: str) -> BankReport:
        self._call("apple", wallet_token)
        self.pay(order)
        return evolve(self.receipts[order.bank_order_id or ""], source=Source.ANSWER)

    async def save_card(self, bank_order_id: str, kind: SaveCard, key: str) -> None:
        self._call("save card", key)
        self.saving[bank_order_id] = kind

    async def forget_card(self, bank_order_id: str, key: str) -> None:
        self._call("forget card", key)
        self.forgotten.add(bank_order_id)

    async def refund(self, order: Order, refund: Refund) -> str:  # noqa: ARG002
        self._call("refund", refund.id)
        return f"action-{refund.id}"

    async def capture(self, order: Order, amount: Money | None, key: str) -> None:
        self._call("capture", key)
        status = BankStatus.COMPLETED if amount is None else BankStatus.PARTIAL_COMPLETED
        self.pay(order, status=status, transferred=amount or order.amount)

    async def release(self, order: Order, key: str) -> None:
        self._call("release", key)
        self.pay(order, status=BankStatus.REJECTED, code=None)

    async def receipt(self, order_id: str, *, is_hint: bool = False) -> BankReport:  # noqa: ARG002
        self._call("receipt", order_id)
        named = (one for one in self.receipts.values() if one.external_order_id == order_id)
        found = self.receipts.get(order_id) or next(named, None)
        if found is None:
            raise GatewayRefused(400, f"order_id {order_id} not found")
        return found

    def is_ours(self, report: BankReport) -> bool:
        return report.merchant_id in (None, "10001")

    def pay(self, order: Order, number: str = "400000***0001", **changes: object) -> None:
        """The customer pays with a card; the bank has not told yet."""
        bank_order_id = self.created[order.idempotency_key].bank_order_id
        paid = report(
            changes.pop("status", BankStatus.COMPLETED),  # type: ignore[arg-type]
            source=Source.RECEIPT,
            bank_order_id=bank_order_id,
            external_order_id=order.id,
        )
        card = None
        if bank_order_id in self.saving and paid.transferred:
            kind = self.saving[bank_order_id]
            card = ReportedCard(kind=kind, masked_number=number, brand="visa", expiry="12/30")
        amount = order.amount if paid.transferred else None
        self.receipts[bank_order_id] = evolve(paid, **{"transferred": amount, "card": card, **changes})

    def give_back(self, order: Order, *, failed: str = "") -> None:
        """The refunds that the bank was asked for go, or fail with a code."""
        known = self.receipts[order.bank_order_id or ""]
        office = tuple(one for one in known.refunds if one.action_id.startswith("office"))
        listed = office + tuple(
            BankRefund(
                action_id=f"action-{one.id}",
                amount=one.amount,
                completed=not failed,
                failed=bool(failed),
                code=failed or None,
            )
            for one in order.refunds
            if one.action_id not in {done.action_id for done in office}
        )
        gone = sum((one.amount for one in listed if one.completed), Money.zero(order.amount.currency))
        status = BankStatus.REFUNDED_PARTIALLY if gone else BankStatus.COMPLETED
        if gone == known.transferred:
            status = BankStatus.REFUNDED
        self.receipts[known.bank_order_id] = evolve(known, status=status, refunds=listed, refunded=gone)

    def give_back_at_the_office(self, order: Order, amount: Money) -> None:
        """The shop's staff refund a part in the bank's business manager; nobody here asked for it."""
        known = self.receipts[order.bank_order_id or ""]
        one = BankRefund(
            action_id=f"office-{len(known.refunds)}", amount=amount, completed=True, failed=False, code=None
        )
        gone = (known.refunded or Money.zero(amount.currency)) + amount
        status = BankStatus.REFUNDED if gone == known.transferred else BankStatus.REFUNDED_PARTIALLY
        self.receipts[known.bank_order_id] = evolve(known, status=status, refunds=(*known.refunds, one), refunded=gone)

    def callback(self, bank_order_id: str) -> bytes:
        """The body of a callback about an order as it stands."""
        said = self.receipts[bank_order_id]
        return json.dumps({"order": bank_order_id, "status": said.status, "refunds": len(said.refunds)}).encode()

    def verify(self, raw_body: bytes, signature: str | None) -> Verdict:  # noqa: ARG002
        return {"good": Verdict.VALID, None: Verdict.UNSIGNED}.get(signature, Verdict.INVALID)

    def read_callback(self, raw_body: bytes) -> BankReport:
        try:
            said = json.loads(raw_body)
            known = self.receipts.get(said["order"]) or report(said["status"], bank_order_id=said["order"])
            return evolve(known, source=Source.CALLBACK)
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedCallback(str(error)) from error

    async def check_credentials(self) -> None:
        self._call("token", "")
