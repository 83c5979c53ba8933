"""A bank for unit tests: the gateway port in memory, with what may go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import evolve

from echodesk_billing.domain.order import Order, Purpose
from echodesk_billing.domain.report import BankReport, BankStatus, Source
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
        self.created: dict[str, BankReport] = {}
        self.calls: list[tuple[str, str]] = []
        self.receipts: dict[str, BankReport] = {}
        self.failures: list[GatewayError] = []
        self.after_effect: GatewayError | None = None
        self.on_create: Callable[[Order], None] = lambda _: None

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def create_order(self, order: Order) -> BankReport:
        self.calls.append(("create", order.idempotency_key))
        self._fail()
        if order.idempotency_key not in self.created:
            bank_order_id = f"bank-{len(self.created) + 1}"
            answer = report(
                BankStatus.CREATED,
                source=Source.ANSWER,
                bank_order_id=bank_order_id,
                external_order_id=order.id,
                payment_url=f"https://bank.example/?order_id={bank_order_id}",
            )
            self.created[order.idempotency_key] = answer
            self.receipts[bank_order_id] = evolve(answer, source=Source.RECEIPT, payment_url=None)
        if self.after_effect is not None:
            error, self.after_effect = self.after_effect, None
            raise error
        self.on_create(order)
        return self.created[order.idempotency_key]

    async def receipt(self, bank_order_id: str) -> BankReport:
        self.calls.append(("receipt", bank_order_id))
        self._fail()
        if bank_order_id not in self.receipts:
            raise GatewayRefused(400, f"order_id {bank_order_id} not found")
        return self.receipts[bank_order_id]

    def pay(self, order: Order, **changes: object) -> None:
        """The customer pays; the bank has not told yet."""
        bank_order_id = self.created[order.idempotency_key].bank_order_id
        paid = report(
            changes.pop("status", BankStatus.COMPLETED),  # type: ignore[arg-type]
            source=Source.RECEIPT,
            bank_order_id=bank_order_id,
            external_order_id=order.id,
        )
        amount = order.amount if paid.transferred else None
        self.receipts[bank_order_id] = evolve(paid, **{"transferred": amount, **changes})

    def callback(self, bank_order_id: str) -> bytes:
        """The body of a callback about an order as it stands."""
        return json.dumps({"order": bank_order_id, "status": self.receipts[bank_order_id].status}).encode()

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
        self._fail()
