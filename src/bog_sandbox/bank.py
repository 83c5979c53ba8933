"""The bank's rules: what each call does to its orders."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from bog_sandbox import validation
from bog_sandbox.clock import Clock, Work
from bog_sandbox.orders import DISPUTE, PENDING, Card, Json, Order, money, receipt, zoned
from bog_sandbox.payment import CODES, GOOD_CARDS, ONCE_CARD, POOR_CARD, Payment
from bog_sandbox.store import Store
from bog_sandbox.validation import Refused

DEFAULT_TTL_MINUTES = 15
REFUND_SECONDS = 1.0
HOLD_SECONDS = 30 * 24 * 3600.0


class Bank:
    """Orders, and the only ways to change them.

    Args:
        clock: its source of time.
        store: keeps orders across restarts.
        seed: of its ids, so that a run can be repeated.
        on_change: called for every order that was paid, rejected or refunded.
        cards_enabled: whether saved cards are activated; in the bank's test environment they are not.
        gross: whether receipts state the gross amount after refunds instead of the net amount.
        strict_amounts: whether orders whose amounts are strings are rejected.
    """

    def __init__(
        self,
        clock: Clock,
        store: Store,
        seed: int | None,
        on_change: Callable[[Order], None],
        *,
        cards_enabled: bool = True,
        gross: bool = False,
        strict_amounts: bool = False,
    ) -> None:
        self._clock = clock
        self._store = store
        self._random = random.Random(seed)  # noqa: S311 - ids of a simulation, repeatable on purpose
        self._tell = on_change
        self._cards_enabled = cards_enabled
        self._gross = gross
        self._strict_amounts = strict_amounts
        self.orders: dict[str, Order] = {}
        self._uses: dict[str, int] = {}
        self.card_codes: dict[str, str] = {}
        self.refund_codes: dict[str, str] = {}

    def remember(self) -> None:
        """Load what an earlier process stored, and reschedule what was waiting for the clock."""
        kept = sorted((order for _, order in self._store.all("order")), key=lambda order: order.created_at)
        for order in kept:
            self.orders[order.id] = order
            if order.is_payable:
                seconds = (order.expires_at - self._clock.now()).total_seconds()
                self._clock.after(max(seconds, 0), self._expiry(order))
            if order.status == "blocked":
                self._clock.after(HOLD_SECONDS, self._letting_go(order))
            parent = self.orders.get(order.parent_order_id or "")
            if order.status == "created" and order.is_automatic and parent and parent.card:
                self._clock.after(0, self._charge(order, parent, parent.card))
            for action in order.actions:
                if action["status"] == PENDING:
                    before = "refunded_partially" if order.refunded else "completed"
                    self._clock.after(REFUND_SECONDS, self._refunding(order, action, before))

    def _keep(self, order: Order) -> None:
        self._store.put("order", order.id, order)

    def _on_change(self, order: Order) -> None:
        self._keep(order)
        self._tell(order)

    def forget(self) -> None:
        """Forget all orders and cards."""
        self.orders.clear()
        self._store.forget("order")
        self._uses.clear()
        self.card_codes.clear()
        self.refund_codes.clear()

    def new_id(self) -> str:
        """A UUID v4 from the seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def create(self, body: Json, language: str, parent: Order | None = None) -> Order:
        """A new order.

        Raises:
            Refused: the body is wrong.
        """
        validation.create_order(body, strict_amounts=self._strict_amounts)
        units = body["purchase_units"]
        return self._open(
            body,
            amount=validation.amount(units["total_amount"], "purchase_units.total_amount"),
            currency=units.get("currency") or "GEL",
            language=language,
            parent=parent,
        )

    def _open(self, body: Json, *, amount: Decimal, currency: str, language: str, parent: Order | None) -> Order:
        now = self._clock.now()
        minutes = body.get("ttl") or DEFAULT_TTL_MINUTES
        order = Order(
            id=self.new_id(),
            request=body,
            amount=amount,
            currency=currency,
            capture=body.get("capture") or "automatic",
            language=language,
            created_at=now,
            expires_at=now + timedelta(minutes=minutes),
            parent_order_id=parent.id if parent else None,
            states_gross=self._gross,
        )
        self.orders[order.id] = order
        self._keep(order)
        self._clock.after(minutes * 60, self._expiry(order))
        return order

    def get(self, order_id: str) -> Order:
        """An order.

        Raises:
            Refused: it does not exist.
        """
        order = self.orders.get(order_id)
        if order is None:
            raise Refused(400, f"order_id {order_id} not found")
        return order

    def look_up(self, order_id: str) -> Order:
        """An order by the bank's id, or the newest one with this `external_order_id`.

        Raises:
            Refused: it does not exist.
        """
        named = (one for one in reversed(self.orders.values()) if one.request.get("external_order_id") == order_id)
        return self.orders.get(order_id) or next(named, None) or self.get(order_id)

    def pay(self, order: Order, payment: Payment) -> None:
        """The customer attempts to pay.

        Raises:
            Refused: the order cannot be paid any more.
        """
        if not order.is_payable:
            raise Refused(409, f"order {order.id} is {order.status}: it cannot be paid")
        order.card = payment.card
        order.transaction_id = str(self._random.randrange(10**11, 10**12))
        code = payment.code or self._issuer(payment)
        if code not in ("100", "200"):
            self._reject(order, code)
            return
        if payment.discount is not None and not 0 < payment.discount < order.amount:
            raise Refused(400, "discount must be above zero and below the amount of the order")
        order.discount = payment.discount
        order.transferred = order.amount - (payment.discount or Decimal(0))
        order.saved = order.saving is not None
        manual = order.capture == "manual"
        self._conclude(order, "blocked" if manual else "completed", "200" if manual else "100")
        if manual:
            self._clock.after(HOLD_SECONDS, self._letting_go(order))
        self._on_change(order)

    def begin_payment(self, order: Order) -> None:
        """The customer entered a card and is asked by its issuer to confirm."""
        if order.status == "created":
            order.status = "auth_requested" if order.capture == "manual" else "processing"
        self._keep(order)

    def save_card(self, order: Order, kind: str) -> None:
        """Keep the card when the order is paid.

        Raises:
            Refused: cards are not activated, or the order is no longer payable.
        """
        self._need_cards()
        if not order.is_payable:
            raise Refused(400, f"order_id {order.id} is {order.status}: the card can only be saved before it is paid")
        order.saving = kind
        self._keep(order)

    def parent(self, order_id: str, kind: str) -> Order:
        """The order whose saved card is to be charged.

        Raises:
            Refused: it saved no card of this kind.
        """
        self._need_cards()
        order = self.get(order_id)
        if order.saving != kind or not order.had_a_card_saved:
            raise Refused(400, f"order_id {order_id} has no saved card of kind {kind}")
        return order

    def subscribe(self, parent: Order, body: Json) -> Order:
        """Charge the saved card for the parent's amount, without the customer.

        Raises:
            Refused: the body is wrong.
        """
        validation.subscription(body)
        given = {name: body[name] for name in ("callback_url", "external_order_id") if body.get(name) is not None}
        request = {**parent.request, **given}
        order = self._open(
            request, amount=parent.amount, currency=parent.currency, language=parent.language, parent=parent
        )
        order.option = "subscription"
        order.is_automatic = True
        self._keep(order)
        if parent.card is None:
            raise AssertionError("a parent order was paid without a card")
        self._clock.after(0, self._charge(order, parent, parent.card))
        return order

    def forget_card(self, order: Order) -> None:
        """Delete a saved card.

        Raises:
            Refused: it does not exist.
        """
        self._need_cards()
        if not order.saved:
            raise Refused(404, f"order_id {order.id} has no saved card")
        order.saved = False
        self._keep(order)

    def refund(self, order: Order, amount: Decimal | None) -> str:
        """Start a refund, of everything left where `amount` is None; it completes later. Returns the action's id.

        Raises:
            Refused: the order is not paid, or less than that is left.
        """
        if order.status not in ("completed", "partial_completed", "refunded_partially", "refund_requested"):
            raise Refused(400, f"order_id {order.id} is {order.status}: it cannot be refunded")
        left = (order.transferred or Decimal(0)) - order.refunded - order.pending
        wanted = left if amount is None else amount
        if wanted <= 0 or wanted > left:
            raise Refused(400, f"amount {wanted} exceeds what is left to refund: {left}")
        before = order.status
        whole = wanted == order.transferred
        action = self._act(order, "refund" if whole else "partial_refund", wanted, PENDING)
        order.status = "refund_requested"
        self._keep(order)
        self._clock.after(REFUND_SECONDS, self._refunding(order, action, before))
        return str(action["action_id"])

    def dispute(self, order: Order) -> None:
        """The holder of the card disputes a payment: its receipts say so from now on.

        Raises:
            Refused: it is not paid.
        """
        if order.transferred is None:
            raise Refused(400, f"order_id {order.id} is {order.status}: nothing was paid")
        self._act(order, DISPUTE, order.transferred, "completed")
        self._on_change(order)

    def approve(self, order: Order, amount: Decimal | None) -> str:
        """Capture all or part of a held amount. Returns the action's id.

        Raises:
            Refused: no money is held, or less than that.
        """
        held = self._held(order)
        taken = held if amount is None else amount
        if taken > held:
            raise Refused(400, f"amount {taken} exceeds what is held: {held}")
        order.transferred = taken
        self._conclude(order, "completed" if taken == held else "partial_completed", "100")
        action = self._act(order, "authorize" if taken == held else "partial_authorize", taken, "completed")
        self._on_change(order)
        return str(action["action_id"])

    def release(self, order: Order) -> str:
        """Release a held amount. Returns the action's id.

        Raises:
            Refused: no money is held.
        """
        return self._let_go(order, "unknown")

    def _let_go(self, order: Order, reason: str) -> str:
        held = self._held(order)
        order.transferred = None
        order.status = "rejected"
        order.reject_reason = reason
        action = self._act(order, "cancel_authorize", held, "completed")
        self._on_change(order)
        return str(action["action_id"])

    def _held(self, order: Order) -> Decimal:
        if order.status != "blocked" or order.transferred is None:
            raise Refused(400, f"order_id {order.id} is {order.status}: nothing is held")
        return order.transferred

    def _need_cards(self) -> None:
        if not self._cards_enabled:
            raise Refused(501, "saved cards are not activated for this merchant")

    def _issuer(self, payment: Payment) -> str:
        """How the issuer answers a card."""
        number = payment.card.number
        if payment.three_d_secure != "pass":
            return "108"
        if number in self.card_codes:
            return self.card_codes[number]
        if number == POOR_CARD:
            return "107"
        if number == ONCE_CARD:
            self._uses[number] = self._uses.get(number, 0) + 1
            return "100" if self._uses[number] == 1 else "101"
        return "100" if number in GOOD_CARDS else "103"

    def _reject(self, order: Order, code: str) -> None:
        self._conclude(order, "rejected", code)
        order.reject_reason = CODES.get(code, "unknown")
        self._on_change(order)

    def _conclude(self, order: Order, status: str, code: str) -> None:
        order.status = status
        order.code = code
        order.code_description = CODES.get(code, "unknown")

    def _act(self, order: Order, action: str, amount: Decimal, status: str) -> Json:
        entry: Json = {
            "action_id": self.new_id(),
            "action": action,
            "request_channel": "public_api",
            "status": status,
            "zoned_action_date": zoned(self._clock.now()),
            "amount": money(amount),
            "code": None,
            "code_description": None,
        }
        order.actions.append(entry)
        return entry

    def _expiry(self, order: Order) -> Work:
        async def expire() -> None:
            if order.is_payable and self.orders.get(order.id) is order:
                order.status = "rejected"
                order.reject_reason = "expiration"
                self._on_change(order)

        return expire

    def _letting_go(self, order: Order) -> Work:
        async def expire() -> None:
            if order.status == "blocked" and self.orders.get(order.id) is order:
                self._let_go(order, "expiration")

        return expire

    def _charge(self, order: Order, parent: Order, card: Card) -> Work:
        async def charge() -> None:
            if order.is_payable:
                self.pay(order, Payment(card=card, code=None if parent.saved else "102"))

        return charge

    def _refunding(self, order: Order, action: Json, before: str) -> Work:
        async def finish() -> None:
            code = self.refund_codes.pop(order.id, None)
            action["status"] = "rejected" if code else "completed"
            if code:
                action["code"] = code
                action["code_description"] = "Refund failed"
            else:
                order.refunded += Decimal(action["amount"])
            if order.pending:
                order.status = "refund_requested"
            elif order.refunded == order.transferred:
                order.status = "refunded"
            else:
                order.status = "refunded_partially" if order.refunded else before
            self._on_change(order)

        return finish

    def receipts(self, external_order_id: str | None = None) -> list[Json]:
        """Receipts of all orders, or those with an external id, oldest first."""
        receipts = map(receipt, self.orders.values())
        return [one for one in receipts if external_order_id in (None, one["external_order_id"])]
