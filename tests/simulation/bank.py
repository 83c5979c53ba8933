"""A model of the bank, and the network to it: what it knows, what it does by itself, what gets lost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import Factory, define, evolve, field

from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, SaveCard
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, ReportedCard, Source
from echodesk_billing.ports.gateway import (
    GatewayNonsense,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    MalformedCallback,
    Verdict,
)
from tests.simulation.steps import Pause

CALLBACK_TRIES = 5
CALLBACK_EVERY = timedelta(seconds=15)
REFUND_TAKES = timedelta(minutes=5)
DECLINES = ("107", "105", "108", "109", "101", "112", "199")


@define(kw_only=True)
class Kept:
    """An order as the bank has it."""

    id: str
    external_id: str
    amount: Money
    manual: bool
    expires_at: datetime
    is_automatic: bool = False
    status: BankStatus = BankStatus.CREATED
    code: str | None = None
    transferred: Money | None = None
    saving: SaveCard | None = None
    has_card: bool = False
    parent: str | None = None
    reject_reason: str | None = None
    refunds: list[BankRefund] = Factory(list)
    refund_due: dict[str, datetime] = Factory(dict)
    charges: int = 0
    states_net: bool = False
    disputed: bool = False

    def report(self, source: Source) -> BankReport:
        """What the bank says of it now."""
        gone = [one.amount for one in self.refunds if one.completed]
        paid = self.transferred is not None
        card = None
        if paid and self.saving is not None:
            card = ReportedCard(kind=self.saving, masked_number="400000***0001", brand="visa", expiry="12/29")
        return BankReport(
            source=source,
            bank_order_id=self.id,
            external_order_id=self.external_id,
            status=self.status,
            code=self.code,
            transferred=self._stated(gone),
            refunds=tuple(self.refunds),
            refunded=sum(gone, Money.zero(self.amount.currency)) if gone else None,
            reject_reason=self.reject_reason,
            card=card,
            disputed=self.disputed,
        )

    def _stated(self, gone: list[Money]) -> Money | None:
        if self.transferred is None or not self.states_net:
            return self.transferred
        return self.transferred - sum(gone, Money.zero(self.amount.currency))

    @property
    def is_payable(self) -> bool:
        return self.status in (BankStatus.CREATED, BankStatus.PROCESSING, BankStatus.AUTH_REQUESTED)

    @property
    def net(self) -> Money:
        """What the bank holds for us of it."""
        zero = Money.zero(self.amount.currency)
        if self.transferred is None or self.status is BankStatus.BLOCKED:
            return zero
        return self.transferred - sum((one.amount for one in self.refunds if one.completed), zero)


@define(kw_only=True)
class Callback:
    """A callback on its way."""

    body: bytes
    signature: str | None
    at: datetime
    tries: int = 0


@define
class SimulatedBank:
    """Orders, cards and callbacks; every call may fail before or after its effect."""

    rng: random.Random
    now: Callable[[], datetime]
    faults: bool = True
    orders: dict[str, Kept] = field(factory=dict)
    by_key: dict[str, str] = field(factory=dict)
    refund_keys: dict[str, str] = field(factory=dict)
    said: list[BankReport] = field(factory=list)
    callbacks: list[Callback] = field(factory=list)
    injected: dict[str, int] = field(factory=dict)
    forgotten: set[str] = field(factory=set)
    is_removed: Callable[[str], bool] = lambda _: False
    late_charges: list[str] = field(factory=list)
    states_net: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.states_net = self.rng.random() < 0.5

    # What the gateway port asks.

    @property
    def is_configured(self) -> bool:
        return True

    @property
    def trouble(self) -> str | None:
        return None

    async def create_order(self, order: Order, wallet_token: str = "") -> BankReport:  # noqa: ARG002
        parent = order.request.parent_order_id
        was_removed = order.request.is_automatic and parent is not None and self.is_removed(parent)

        def effect() -> BankReport:
            known = self.by_key.get(order.idempotency_key)
            if known is None:
                known = self._open(order)
                if was_removed and parent is not None and self.orders[parent].has_card:
                    self.late_charges.append(order.id)
            kept = self.orders[known]
            page = None if kept.is_automatic else f"https://bank.example/?order_id={kept.id}"
            return evolve(kept.report(Source.ANSWER), status=BankStatus.CREATED, code=None, transferred=None,
                          refunds=(), refunded=None, card=None, reject_reason=None, payment_url=page)  # fmt: skip

        refuses = 0.5 if order.idempotency_key in self.by_key else 0.02
        return await self._call("create", effect, refuses)

    async def complete_apple_pay(self, order: Order, wallet_token: str) -> BankReport:
        raise NotImplementedError

    async def save_card(self, bank_order_id: str, kind: SaveCard, key: str) -> None:  # noqa: ARG002
        def effect() -> None:
            kept = self.orders[bank_order_id]
            if not kept.is_payable:
                raise GatewayRefused(400, "the order is not payable")
            kept.saving = kind

        await self._call("save card", effect)

    async def forget_card(self, bank_order_id: str, key: str) -> None:  # noqa: ARG002
        def effect() -> None:
            kept = self.orders[bank_order_id]
            if bank_order_id in self.forgotten:
                raise GatewayRefused(404, "no such card")
            kept.has_card = False
            self.forgotten.add(bank_order_id)

        await self._call("forget card", effect, 0.4)

    async def refund(self, order: Order, refund: Refund) -> str:
        def effect() -> str:
            if refund.id in self.refund_keys:
                return self.refund_keys[refund.id]
            kept = self.orders[order.bank_order_id or ""]
            pending = sum((one.amount for one in kept.refunds if not one.failed), Money.zero(kept.amount.currency))
            if kept.transferred is None or pending + refund.amount > kept.transferred:
                raise GatewayRefused(400, "that much is not left")
            action_id = f"action-{len(self.refund_keys) + 1}"
            self.refund_keys[refund.id] = action_id
            kept.refunds.append(BankRefund(action_id=action_id, amount=refund.amount, completed=False))
            kept.refund_due[action_id] = self.now() + REFUND_TAKES
            kept.status = BankStatus.REFUND_REQUESTED
            return action_id

        return await self._call("refund", effect, 0.6 if refund.id in self.refund_keys else 0.02)

    async def capture(self, order: Order, amount: Money | None, key: str) -> None:  # noqa: ARG002
        def effect() -> None:
            kept = self.orders[order.bank_order_id or ""]
            if kept.status is not BankStatus.BLOCKED:
                raise GatewayRefused(400, "nothing is held")
            kept.transferred = amount or kept.transferred
            kept.status, kept.code = BankStatus.COMPLETED, "100"
            if amount is not None and amount < kept.amount:
                kept.status = BankStatus.PARTIAL_COMPLETED
            self._tell(kept)

        await self._call("capture", effect)

    async def release(self, order: Order, key: str) -> None:  # noqa: ARG002
        def effect() -> None:
            kept = self.orders[order.bank_order_id or ""]
            if kept.status is not BankStatus.BLOCKED:
                raise GatewayRefused(400, "nothing is held")
            kept.status, kept.code, kept.transferred = BankStatus.REJECTED, None, None
            self._tell(kept)

        await self._call("release", effect)

    async def receipt(self, order_id: str, *, is_hint: bool = False) -> BankReport:  # noqa: ARG002
        def effect() -> BankReport:
            named = (kept for kept in self.orders.values() if kept.external_id == order_id)
            found = self.orders.get(order_id) or next(named, None)
            if found is None:
                raise GatewayRefused(400, f"order_id {order_id} not found")
            return found.report(Source.RECEIPT)

        return await self._call("receipt", effect)

    def is_ours(self, report: BankReport) -> bool:  # noqa: ARG002
        return True

    def verify(self, raw_body: bytes, signature: str | None) -> Verdict:  # noqa: ARG002
        return {"good": Verdict.VALID, None: Verdict.UNSIGNED}.get(signature, Verdict.INVALID)

    def read_callback(self, raw_body: bytes) -> BankReport:
        try:
            return self.said[json.loads(raw_body)["n"]]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise MalformedCallback(str(error)) from error

    async def check_credentials(self) -> None:
        """They are good."""

    # What it does by itself.

    def pay(self, kept: Kept, code: str = "100") -> None:
        """The customer, or the issuer of the saved card, answers."""
        if not kept.is_payable:
            return
        if code != "100":
            kept.status, kept.code, kept.reject_reason = BankStatus.REJECTED, code, "declined"
        else:
            kept.charges += 1
            kept.transferred = kept.amount
            kept.status = BankStatus.BLOCKED if kept.manual else BankStatus.COMPLETED
            kept.code = "200" if kept.manual else "100"
            kept.has_card = kept.saving is not None
        self._tell(kept)

    def pass_time(self) -> None:
        """Orders expire, automatic charges are answered, refunds go or fail."""
        for kept in self.orders.values():
            if kept.is_automatic and kept.is_payable:
                parent = self.orders[kept.parent or ""]
                good = parent.has_card and (not self.faults or self.rng.random() < 0.7)
                self.pay(kept, "100" if good else self.rng.choice(DECLINES if parent.has_card else ("102",)))
            elif kept.is_payable and kept.expires_at <= self.now():
                kept.status, kept.reject_reason = BankStatus.REJECTED, "expiration"
                self._tell(kept)
            for action_id in [one for one, due in kept.refund_due.items() if due <= self.now()]:
                del kept.refund_due[action_id]
                self._finish_refund(kept, action_id)

    def _finish_refund(self, kept: Kept, action_id: str) -> None:
        fails = self.faults and self.rng.random() < 0.1
        kept.refunds = [
            evolve(one, completed=not fails, failed=fails, code="162" if fails else None)
            if one.action_id == action_id
            else one
            for one in kept.refunds
        ]
        self._count_refunds(kept)
        self._tell(kept)

    def _count_refunds(self, kept: Kept) -> None:
        gone = [one.amount for one in kept.refunds if one.completed]
        if kept.refund_due:
            kept.status = BankStatus.REFUND_REQUESTED
        elif not gone:
            kept.status = BankStatus.COMPLETED
        elif sum(gone, Money.zero(kept.amount.currency)) == kept.transferred:
            kept.status = BankStatus.REFUNDED
        else:
            kept.status = BankStatus.REFUNDED_PARTIALLY

    def refund_at_the_office(self, kept: Kept) -> None:
        """Somebody gives money back in the business manager; the bank says so until it is heard."""
        under_way = sum((one.amount for one in kept.refunds if not one.failed), Money.zero(kept.amount.currency))
        if kept.transferred is None or kept.status is BankStatus.BLOCKED or under_way >= kept.transferred:
            return
        self._note("refund at the office")
        left = kept.transferred - under_way
        amount = self.rng.choice([left, Money(left.amount / 2, left.currency) if left.amount > 1 else left])
        kept.refunds.append(BankRefund(action_id=f"office-{len(self.said)}", amount=amount, completed=True))
        self._count_refunds(kept)
        self._send(kept.report(Source.CALLBACK), "good")

    def dispute(self, kept: Kept) -> None:
        """The holder of the card disputes a payment."""
        if kept.transferred is None or kept.status is BankStatus.BLOCKED:
            return
        self._note("dispute")
        kept.disputed = True
        self._send(kept.report(Source.CALLBACK), "good")

    def forge(self, kept: Kept) -> None:
        """Somebody claims that an order is paid, without the bank's key."""
        lie = evolve(kept.report(Source.CALLBACK), status=BankStatus.COMPLETED, code="100", transferred=kept.amount)
        self._note("forged callback")
        self._send(lie, self.rng.choice(["bad", None]))

    def other_merchant(self, order: Order) -> None:
        """Another merchant's order is paid that has the name of one of ours; the bank signs that with the same key."""
        self._note("callback of another merchant")
        report = BankReport(
            source=Source.CALLBACK,
            bank_order_id=f"other-{self.rng.randrange(1000)}",
            external_order_id=order.id,
            status=BankStatus.COMPLETED,
            code="100",
            transferred=order.amount,
        )
        self._send(report, "good")
        self._lies.add(len(self.said) - 1)

    def correct(self, kept: Kept) -> None:
        """The bank finds that it was paid after all, and says so until it is heard."""
        is_late = self.now() > kept.expires_at + timedelta(days=3)  # registrations are kept longer than that
        if kept.status is not BankStatus.REJECTED or kept.manual or is_late:
            return
        self._note("rejection taken back")
        kept.charges += 1
        kept.transferred, kept.status, kept.code, kept.reject_reason = kept.amount, BankStatus.COMPLETED, "100", None
        kept.has_card = kept.saving is not None
        self._send(kept.report(Source.CALLBACK), "good")

    def replay(self) -> None:
        """An old callback, with its good signature, comes once more."""
        if self.said:
            self._note("replayed callback")
            number = self.rng.randrange(len(self.said))
            if self.said[number].source is Source.CALLBACK and number not in self._lies:
                self.callbacks.append(Callback(body=_body(number), signature="good", at=self.now()))

    _lies: set[int] = field(factory=set)

    def _open(self, order: Order) -> str:
        request = order.request
        kept = Kept(
            id=f"bank-{len(self.orders) + 1}",
            external_id=order.id,
            amount=order.amount,
            manual=request.capture is Capture.MANUAL,
            expires_at=self.now() + timedelta(minutes=request.ttl_minutes or 15),
            states_net=self.states_net,
        )
        if request.parent_order_id is not None:
            parent = self.orders[request.parent_order_id]
            kept.parent = parent.id
            if request.is_automatic:
                kept.is_automatic = True
                kept.amount = parent.amount  # whatever we think: an automatic charge takes the parent's amount
                kept.manual = parent.manual
        self.orders[kept.id] = kept
        self.by_key[order.idempotency_key] = kept.id
        return kept.id

    def _tell(self, kept: Kept) -> None:
        """Call back, as well as the network can."""
        report = kept.report(Source.CALLBACK)
        fate = self.rng.random() if self.faults else 1.0
        if fate < 0.2:
            self._note("lost callback")
            return
        copies = 1
        if fate < 0.35:
            self._note("doubled callback")
            copies = 2
        signature: str | None = "good"
        if 0.35 <= fate < 0.4:
            self._note("unsigned callback")
            signature = None
        for _ in range(copies):
            self._send(report, signature)

    def _send(self, report: BankReport, signature: str | None) -> None:
        delay = timedelta(seconds=self.rng.choice([0, 0, 1, 60, 3600, 86400]) if self.faults else 0)
        if delay > timedelta(minutes=1):
            self._note("late callback")
        self.said.append(report)
        number = len(self.said) - 1
        if signature != "good":
            self._lies.add(number)
        self.callbacks.append(Callback(body=_body(number), signature=signature, at=self.now() + delay))

    async def _call(self, what: str, effect: Callable[[], object], refuses: float = 0) -> object:  # type: ignore[misc]
        """One call over the network.

        Args:
            refuses: how often it is refused without being looked at, more often where it is repeated.
        """
        await Pause(f"before {what}")
        fate = self.rng.random() if self.faults else 1.0
        if fate < 0.05:
            self._note("no connection")
            raise GatewayUnavailable("the bank cannot be reached")
        if fate < 0.08:
            self._note("timeout before the effect")
            raise GatewayTimeout("silence")
        if self.faults and self.rng.random() < refuses:
            self._note("refused without looking")
            raise GatewayRefused(400, "not understood")
        result = effect()
        await Pause(f"after {what}")
        if fate < 0.14:
            self._note("timeout after the effect")
            raise GatewayTimeout("silence")
        if fate < 0.17:
            self._note("answer cut short")
            raise GatewayNonsense("half an answer")
        return result

    def _note(self, kind: str) -> None:
        self.injected[kind] = self.injected.get(kind, 0) + 1


def _body(number: int) -> bytes:
    return json.dumps({"n": number}).encode()
