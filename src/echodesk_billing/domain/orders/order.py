"""An order: one attempt to move money, and how what the bank says is merged into it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from attrs import Attribute, define, evolve, field, frozen

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.errors import AmountTooLarge, IllegalTransition, InvalidMoney, InvalidSelection
from echodesk_billing.domain.events import (
    OrderAttentionResolved,
    OrderCompleted,
    OrderCorrected,
    OrderCreated,
    OrderEvent,
    OrderMismatch,
    OrderRefunded,
    OrderRejected,
    PaymentActionRequired,
)
from echodesk_billing.domain.keys import KEY_TRUSTED_FOR, derived_key
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.orders import lifecycle, refund
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.payment_request import Capture, PaymentRequest
from echodesk_billing.domain.orders.refund import Refund, RefundState
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from echodesk_billing.domain.orders.response_codes import PAID, PREAUTHORISED

FIRST_CHECK_AFTER = timedelta(minutes=1)
LONGEST_CHECK_INTERVAL = timedelta(hours=1)
DOUBLE_CLICK = timedelta(minutes=1)
REPEATED_WITHIN = timedelta(hours=1)
"""As long as any answer of ours asks a caller to wait before repeating."""
REFUSAL_SETTLES_AFTER = timedelta(hours=1)
MOST_ATTENTION_REASONS = 20
_REFUND_FAILED = "refund "
_HELD = "the bank holds money for this rejected order"
_NO_ANSWER = "the charge has had no answer"

CallOutcome = Literal["accepted", "refused", "in_doubt", "repeated"]


class Purpose(enum.StrEnum):
    """What an order pays for; the prefix of its id."""

    SUBSCRIPTION = "SUB"
    RENEWAL = "REN"
    MANUAL = "MAN"
    UPGRADE = "UPG"
    REGISTRATION = "REG"
    CARD = "CARD"


@frozen(kw_only=True)
class Step:
    """One line of an order's history: an event of the table, what brought it about, and who, where it was a person."""

    at: datetime
    event: str
    source: str
    before: str
    after: str
    detail: str = ""
    by: str = ""


def _positive_amount(_order: Order, _field: Attribute[Money], value: Money) -> None:
    positive(value, "the amount of an order")


@define(kw_only=True)
class Order:
    """One attempt to move money.

    Args:
        id: ours: purpose, dash, 12 upper-case hexadecimal digits; the bank's `external_order_id`.
        idempotency_key: UUID v4, made once; every attempt to create the order at the bank carries it.
        plan: what is bought, with its price.
        period: number of the subscription period it pays.
        amount: what the customer is asked for.
        captured: what the card really paid, once it has.
        attention: why a person has to look; empty when all is well.
        resolved: what a person has looked at; the same reason does not come again.
        saves_card: whether the bank agreed to keep the card; None where it was not asked.
        ask: why the customer has to be asked to come and pay; nobody asked for the order's page.
        check_at: when to ask the bank about it, if nothing is heard before; None when it is settled.
        version: counts the saved changes.
        steps: the history made since it was loaded.
        pays_until: until when it pays, were it paid when it was asked for; known only there.

    Source: domain.md, Order.
    """

    id: str
    idempotency_key: str
    tenant_id: str
    purpose: Purpose
    amount: Money = field(validator=_positive_amount)
    request: PaymentRequest
    created_at: datetime
    updated_at: datetime
    plan: Plan | None = None
    period: int | None = None
    state: OrderState = OrderState.CREATED
    captured: Money | None = None
    refunds: tuple[Refund, ...] = ()
    bank_order_id: str | None = None
    payment_url: str | None = None
    response_code: str | None = None
    reject_reason: str | None = None
    attention: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    saves_card: bool | None = None
    ask: str | None = None
    check_at: datetime | None = None
    version: int = 0
    steps: list[Step] = field(factory=list, eq=False)
    pays_until: datetime | None = field(default=None, eq=False)

    @classmethod
    def create(
        cls,
        *,
        order_id: str,
        idempotency_key: str,
        tenant_id: str,
        purpose: Purpose,
        request: PaymentRequest,
        amount: Money,
        at: datetime,
        plan: Plan | None = None,
        period: int | None = None,
        ask: str | None = None,
        by: str = "",
    ) -> tuple[Order, OrderCreated]:
        """A new order, to be stored before the bank hears of it: for one period of a plan, or to save a card.

        Args:
            by: who asked for it.

        Raises:
            InvalidPaymentOption: an option of the request does not fit the amount.
        """
        request.options.require_fits(amount)
        order = cls(
            id=order_id,
            idempotency_key=idempotency_key,
            tenant_id=tenant_id,
            purpose=purpose,
            amount=amount,
            request=request,
            created_at=at,
            updated_at=at,
            plan=plan,
            period=period,
            ask=ask,
            check_at=at + FIRST_CHECK_AFTER,
        )
        order.steps.append(Step(at=at, event="create", source=Source.REQUEST, before="", after=order.state, by=by))
        return order, OrderCreated(tenant_id=tenant_id, at=at, order_id=order_id, amount=order.amount, by=by)

    @property
    def subject(self) -> str:
        """What error messages call it."""
        return f"order {self.id}"

    @property
    def is_open(self) -> bool:
        """Whether the customer may still pay it."""
        return self.state in (OrderState.CREATED, OrderState.PROCESSING)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be heard of it unasked."""
        open_states = (OrderState.CREATED, OrderState.PROCESSING, OrderState.BLOCKED)
        return self.state not in open_states and not self.pending_refunds

    @property
    def is_paid(self) -> bool:
        """Whether it was paid, even if the money went back since."""
        return self.state in _PAID

    @property
    def doubt(self) -> str | None:
        """What is not known of it, for an operator; None where nothing is, or only its customer is awaited."""
        if self.state is OrderState.CREATED:
            return "the bank's answer to its creation is not known"
        if any(one.action_id is None for one in self.pending_refunds):
            return "a refund may not have reached the bank"
        if self.pending_refunds:
            return "the bank has not finished a refund"
        if self.state is OrderState.PROCESSING and self.request.is_automatic:
            return "the charge of the saved card has no answer"
        if self.state is OrderState.REJECTED and self.check_at is not None:
            return "the bank took its rejection back, and its receipt is not read yet"
        return None

    @property
    def pending_refunds(self) -> tuple[Refund, ...]:
        """Refunds that were asked for and have neither gone nor failed."""
        return tuple(one for one in self.refunds if one.state is RefundState.REQUESTED)

    @property
    def refunded(self) -> Money:
        """How much of `captured` has gone back."""
        return refund.completed(self.refunds, self.amount.currency)

    @property
    def is_given_back(self) -> bool:
        """Whether the payment bought nothing, so that all of it is refunded without anybody asking."""
        return any(one.id == self._give_back_id for one in self.refunds)

    @property
    def _give_back_id(self) -> str:
        return derived_key(self.idempotency_key, "paid twice")

    def is_old(self, now: datetime) -> bool:
        """Whether the bank may have forgotten the idempotency key, so that asking again could charge again."""
        return now - self.created_at >= KEY_TRUSTED_FOR

    def gross(self, report: BankReport) -> Money | None:
        """What a report says was paid in all: after refunds the bank states the amount net of them, or gross.

        Source: the bank's documentation shows a refunded order with a transfer_amount of 0.0; live shops see both.
        """
        stated = report.transferred
        if stated is None or stated.currency is not self.amount.currency or not report.follows_payment:
            return stated
        try:
            return self._gross(report, stated, report.returned or Money.zero(stated.currency))
        except InvalidMoney:  # amounts beyond all bounds, which do not fit in any case
            return stated

    def _gross(self, report: BankReport, stated: Money, returned: Money) -> Money:
        expected = self._expected(report)
        if expected is None:  # how much of a pre-authorisation was captured is not known yet
            return stated + returned if stated + returned <= self.amount else stated
        is_all_returned = report.status is BankStatus.REFUNDED and not stated
        is_net = stated in (expected - returned, expected - self.refunded)
        return expected if is_net or is_all_returned else stated

    def _expected(self, report: BankReport) -> Money | None:
        """What must have been paid; None for a pre-authorisation that was captured we do not know how far."""
        if self.captured is not None or self.request.capture is Capture.MANUAL:
            return self.captured
        discount = report.discount
        fits = discount is not None and discount.currency is self.amount.currency
        return self.amount - discount if discount is not None and fits else self.amount

    def wants_confirmation(self, report: BankReport) -> bool:
        """Whether `report` says that a rejected order was paid, which only a receipt may establish."""
        return self.state is OrderState.REJECTED and report.source is not Source.RECEIPT and report.claims_money

    def is_known_as(self, report: BankReport) -> bool:
        """Whether the bank's id in a callback is the one that we know.

        The bank signs the callbacks of all its merchants with one key, and any of them may name an order as we do. So
        a signature is evidence about this order only together with the bank's id that the bank itself gave us.
        """
        return report.source is not Source.CALLBACK or report.bank_order_id == self.bank_order_id

    def observe(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Merge what the bank says.

        Reports may come in any order and any number: one that is behind what is known changes nothing, one that
        is ahead walks the transition table step by step, one that does not fit marks the order for attention.

        Args:
            report: what the bank says of this order.
            at: now.

        Returns:
            What happened by it, in order; each thing once, however often it is reported.

        Source: domain.md, "A report is merged, not obeyed".
        """
        report = evolve(report, transferred=self.gross(report))
        if reason := self._misfit(report):
            return self.mark(reason, report.source, at)
        if self.wants_confirmation(report):
            return []
        self.bank_order_id = report.bank_order_id
        events: list[OrderEvent] = []
        if report.source is Source.RECEIPT:
            events += self._observe_hold(report, at)
            stays = (_REFUND_FAILED, _HELD)
            events += self._clear(lambda reason: not reason.startswith(stays), "the bank's receipt fits", at)
        else:
            events += self._clear(lambda reason: reason.startswith(_NO_ANSWER), "the bank has answered", at)
        events += self._ask_the_customer(report, at)
        self.payment_url = self.payment_url or report.payment_url
        for event in lifecycle.order_path(self.state, _TARGETS[BankStatus(report.status)]):
            events += self._advance(event, report, at)
        if self.saves_card is None and report.saves_card is not None:
            self.saves_card = report.saves_card
            self.called("save_card", "accepted" if report.saves_card else "in_doubt", at)
        if self.is_paid:
            events += self._observe_refunds(report, at)
        if self.is_settled:
            self.check_at = at + FIRST_CHECK_AFTER if self._can_be_paid_after_all(report) else None
        return events

    def _observe_hold(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Money that is held for an order that was rejected needs attention for as long as it is held."""
        if report.status is not BankStatus.BLOCKED:
            return self._clear(lambda reason: reason.startswith(_HELD), "nothing is held", at)
        if self.state is not OrderState.REJECTED:
            return []
        return self.mark(f"{_HELD}: release it in the bank's business manager", Source.RECEIPT, at)

    def _can_be_paid_after_all(self, report: BankReport) -> bool:
        """Whether the bank has an order that we took for rejected: two processes asked, and it refused only one."""
        is_open = report.status in (BankStatus.CREATED, BankStatus.PROCESSING, BankStatus.AUTH_REQUESTED)
        return self.state is OrderState.REJECTED and is_open and report.source is not Source.CALLBACK

    def refuse(self, reason: str, at: datetime) -> list[OrderEvent]:
        """The bank refused to create the order. Nothing happens where it is further than `created`.

        Args:
            reason: the bank's.
        """
        if self.state is not OrderState.CREATED:
            return []
        self._move("reject", Source.ANSWER, at, reason)
        self.reject_reason = reason
        rejected = OrderRejected(tenant_id=self.tenant_id, at=at, order_id=self.id, code=None, reason=reason)
        return [*self._clear(lambda one: one.startswith(_NO_ANSWER), "nothing was charged", at), rejected]

    def same_refund(self, amount: Money | None, at: datetime) -> Refund | None:
        """The refund that asking for `amount` repeats, where the caller did not name it; None for a new one.

        It is one that may not have reached the bank, one that was asked for a minute ago, or one whose caller was told
        within the last hour that the outcome is not known.

        Args:
            amount: all that is left where None.
        """
        asked_for_all = amount is None and self.captured is not None and not self._left(self.captured)
        for one in reversed(self.refunds):
            age = at - one.asked_at if one.asked_at else None
            is_recent = age is not None and age < (REPEATED_WITHIN if one.unanswered else DOUBLE_CLICK)
            is_lost = one.state is RefundState.REQUESTED and one.action_id is None
            is_alive = one.state is not RefundState.FAILED
            is_all = asked_for_all and (one.unanswered or one.state is RefundState.REQUESTED)
            if is_alive and (is_lost or is_recent) and (is_all or amount == one.amount):
                return one
        return None

    def refund_in_doubt(self, refund_id: str, reason: str, at: datetime) -> None:
        """The bank's answer to a refund is not known, and whoever asked is told so."""
        self._change_refund(refund_id, unanswered=True)
        self.called("refund", "in_doubt", at, reason)

    def _left(self, captured: Money) -> Money:
        """What can still be asked back."""
        return captured - refund.total(self.refunds, captured.currency, RefundState.REQUESTED, RefundState.COMPLETED)

    def request_refund(
        self, amount: Money | None, *, refund_id: str, reason: str, at: datetime, by: str = ""
    ) -> Refund:
        """Ask for money back, to be committed before the bank hears of it.

        Args:
            amount: how much; all that is left where None.
            refund_id: UUID v4, the refund's idempotency key; asking with the same one again is asking once.
            reason: why, for the history.
            by: who asks.

        Raises:
            IllegalTransition: the order is not paid, or all of it has gone back.
            AmountTooLarge: requested and completed refunds would pass what was paid.
            CurrencyMismatch: the amount is of another currency.
            InvalidSelection: the refund's id was used for another amount.
        """
        for one in self.refunds:
            if one.id == refund_id:
                if amount not in (None, one.amount):
                    raise InvalidSelection("refund_id", f"This refund was asked for {one.amount}, not {amount}")
                return one
        if self.captured is None or not lifecycle.order_path(self.state, OrderState.REFUNDED):
            raise IllegalTransition(self.subject, "refund", self.state)
        left = self._left(self.captured)
        wanted = left if amount is None else positive(amount, "the amount of a refund")
        if not left or wanted > left:
            raise AmountTooLarge(self.id, "to refund", str(amount or self.captured), str(left))
        asked = Refund(id=refund_id, amount=wanted, state=RefundState.REQUESTED, reason=reason, by=by, asked_at=at)
        self.refunds = (*self.refunds, asked)
        self._note("refund_requested", Source.REQUEST, at, f"{wanted} {reason}".strip(), by=by)
        self.check_at = at + FIRST_CHECK_AFTER
        return asked

    def give_back(self, reason: str, at: datetime) -> None:
        """Ask for the refund of a payment that buys nothing; reconciliation carries it to the bank.

        It pays no period any more, so that the period can be charged.
        """
        self.request_refund(None, refund_id=self._give_back_id, reason=reason, at=at)
        self.period = None
        self.check_at = at

    def give_back_card_check(self, at: datetime) -> None:
        """Ask for the refund of an order that was paid only to save a card; reconciliation carries it to the bank."""
        refund_id = derived_key(self.idempotency_key, "card check")
        self.request_refund(None, refund_id=refund_id, reason="card check", at=at)
        self.check_at = at

    def refund_accepted(self, refund_id: str, action_id: str, at: datetime) -> list[OrderEvent]:
        """The bank took a refund up under its own id; the outcome comes later.

        Where a report came first and the action was taken for another refund of the same amount, the two change
        places: what is known of this one is the other's, which may not have reached the bank yet.
        """
        events: list[OrderEvent] = []
        mine = next(one for one in self.refunds if one.id == refund_id)
        holder = next((one for one in self.refunds if one.action_id == action_id), None)
        if holder is mine:
            return []
        if holder is None and mine.action_id is None:  # the bank may have refused another attempt at it before
            self._change_refund(refund_id, action_id=action_id, state=RefundState.REQUESTED, failure="")
            failed = f"{_REFUND_FAILED}{refund_id} of "
            events = self._clear(lambda reason: reason.startswith(failed), "the bank accepted it", at)
            self.check_at = self.check_at or at + FIRST_CHECK_AFTER
        elif holder is None:  # what was known of it is of another one, of which the bank gave no answer
            self._change_refund(refund_id, action_id=action_id, state=RefundState.REQUESTED, failure="")
            self.refunds = refund.adopted(self.refunds, mine)
        else:
            self._change_refund(holder.id, action_id=mine.action_id, state=mine.state, failure=mine.failure)
            self._change_refund(refund_id, action_id=action_id, state=holder.state, failure=holder.failure)
        self._note("refund_accepted", Source.ANSWER, at, action_id)
        return events

    def refund_not_listed(self, refund_id: str, refused: str, at: datetime) -> list[OrderEvent]:
        """Settle a refund that the bank refused after an attempt in doubt, and that its receipt does not list.

        It fails once the bank has had its time to list it.

        Args:
            refused: the bank's reason.
        """
        waiting = next((one for one in self.pending_refunds if one.id == refund_id and one.action_id is None), None)
        if waiting is None or at - (waiting.asked_at or at) < REFUSAL_SETTLES_AFTER:
            return []
        return self.refund_refused(refund_id, refused, at)

    def refund_refused(self, refund_id: str, reason: str, at: datetime) -> list[OrderEvent]:
        """The bank refused a refund: nothing goes back, and a person should know.

        Nothing happens where it has accepted the same refund, asked for by another process.
        """
        waiting = [one for one in self.pending_refunds if one.id == refund_id and one.action_id is None]
        if not waiting:
            return []
        self._change_refund(refund_id, state=RefundState.FAILED, failure=reason)
        if self.is_settled:
            self.check_at = None
        return self.mark(f"refund {refund_id} of {waiting[0].amount} failed: {reason}", Source.ANSWER, at)

    def was_captured(self, amount: Money | None) -> bool:
        """Whether exactly this was captured before, so that asking again is asking once."""
        manual = self.request.capture is Capture.MANUAL
        return manual and self.captured is not None and self.captured == (amount or self.amount)

    @property
    def was_released(self) -> bool:
        """Whether what it held was let go."""
        released = self.state is OrderState.REJECTED and self.request.capture is Capture.MANUAL
        return released and self.response_code is None and self.bank_order_id is not None

    def require_held(self, event: str, amount: Money | None = None) -> None:
        """Check that money is held, before the bank is asked to `capture` or `release` it.

        Raises:
            IllegalTransition: none is.
            AmountTooLarge: `amount` is more than the order's.
        """
        if self.state is not OrderState.BLOCKED:
            raise IllegalTransition(self.subject, event, self.state)
        if amount is not None and positive(amount, f"the amount to {event}") > self.amount:
            raise AmountTooLarge(self.id, f"to {event}", str(amount), str(self.amount))

    def mark(self, reason: str, source: Source, at: datetime) -> list[OrderEvent]:
        """Mark the order for a person's attention; the same reason counts once."""
        known = reason in self.attention or reason in self.resolved
        if known or len(self.attention) >= MOST_ATTENTION_REASONS:
            return []
        self.attention = tuple(sorted((*self.attention, reason)))
        self._note("attention", source, at, reason)
        return [OrderMismatch(tenant_id=self.tenant_id, at=at, order_id=self.id, reason=reason)]

    def resolve(self, note: str, by: str, at: datetime) -> list[OrderEvent]:
        """Take an operator's word that what the order was marked for is dealt with. Twice is once.

        An automatic charge of which the bank gave no answer, and that it does not find, is rejected by this: the
        operator has looked at the bank. Should the bank report money all the same, that is merged as ever.

        Args:
            note: what was found and done.
            by: who says so.

        Raises:
            InvalidSelection: there is no note.
        """
        if not note.strip():
            raise InvalidSelection("note", "Say what was found and done")
        if not self.attention:
            return []
        reasons, self.attention = self.attention, ()
        self.resolved = (*self.resolved, *reasons)[-MOST_ATTENTION_REASONS:]
        self._note("resolved", Source.REQUEST, at, note, by=by)
        told = OrderAttentionResolved(
            tenant_id=self.tenant_id, at=at, order_id=self.id, reasons=reasons, by=by, note=note
        )
        closed: list[OrderEvent] = []
        if self.state is OrderState.CREATED and self.is_old(at):
            closed = self.refuse(f"resolved by {by}: {note}", at)
        return [told, *closed]

    def _clear(self, proved: Callable[[str], bool], note: str, at: datetime) -> list[OrderEvent]:
        """Drop the reasons for attention that the bank has since proved settled."""
        gone = tuple(reason for reason in self.attention if proved(reason))
        if not gone:
            return []
        self.attention = tuple(reason for reason in self.attention if reason not in gone)
        self._note("attention_cleared", Source.RECEIPT, at, f"{note}: {'; '.join(gone)}")
        return [
            OrderAttentionResolved(tenant_id=self.tenant_id, at=at, order_id=self.id, reasons=gone, by="", note=note)
        ]

    def not_found(self, at: datetime) -> list[OrderEvent]:
        """The bank does not find an automatic charge of ours whose key is too old to ask under again."""
        since = f"{self.created_at:%Y-%m-%d %H:%M} UTC"
        return self.mark(
            f"{_NO_ANSWER} since {since}, and the bank does not find it by our id: "
            "look for it in the bank's business manager, then resolve this order",
            Source.RECEIPT,
            at,
        )

    def called(self, call: str, outcome: CallOutcome, at: datetime, detail: str = "", by: str = "") -> None:
        """Note what came of a call to the bank, for whoever reads the history."""
        source = Source.REQUEST if outcome in ("in_doubt", "repeated") else Source.ANSWER
        self._note(f"{call}_{outcome}", source, at, detail, by=by)

    def checked(self, at: datetime, *, planned: datetime | None, problem: str | None = None) -> None:
        """Note that the bank was asked, and plan the next question: after as long as the order is old.

        That is from a minute to an hour.

        Args:
            planned: the `check_at` that led to the question. Where it is another by now, somebody wants to know more
                than this question found out: a settled order is asked about again.
            problem: why the bank did not answer; then a settled order is asked about again too.
        """
        self._note("asked", Source.RECEIPT, at, problem or "")
        is_asked_again = self.check_at != planned
        wait = min(max(at - self.created_at, FIRST_CHECK_AFTER), LONGEST_CHECK_INTERVAL)
        found_out = problem is None and not is_asked_again
        self.check_at = None if self.is_settled and found_out else at + wait

    def _ask_the_customer(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Once the bank has given the page of an order that nobody waits for, the customer is told its address."""
        if self.ask is None or self.payment_url is not None or report.payment_url is None:
            return []
        return [
            PaymentActionRequired(
                tenant_id=self.tenant_id, at=at, order_id=self.id, payment_url=report.payment_url, reason=self.ask
            )
        ]

    def _misfit(self, report: BankReport) -> str | None:
        """Why the report cannot be true of this order; None when it can."""
        if report.external_order_id is not None and report.external_order_id != self.id:
            return f"the bank says its order {report.bank_order_id} is ours by the name {report.external_order_id}"
        if self.bank_order_id is not None and report.bank_order_id != self.bank_order_id:
            return f"the bank knows it as {self.bank_order_id}, but speaks of {report.bank_order_id}"
        if not isinstance(report.status, BankStatus):
            return f"unknown bank status {report.status!r}"
        if not report.claims_money:
            return None
        return self._wrong_code(report.status, report.code) or self._wrong_amount(report)

    def _wrong_code(self, status: BankStatus, code: str | None) -> str | None:
        """A payment counts only with its code; after a refund was asked for, the code may be gone or of the refund."""
        if status.follows_payment:
            fits = code is None or code == PAID or code.startswith("16") or code == "179"
        else:
            fits = code == (PREAUTHORISED if status is BankStatus.BLOCKED else PAID)
        return None if fits else f"bank status {status} with code {code}"

    def _wrong_amount(self, report: BankReport) -> str | None:
        paid = report.transferred
        if paid is None:
            return f"bank status {report.status} without an amount"
        if paid.currency is not self.amount.currency:
            return f"{paid} was paid for an order of {self.amount}"
        held = report.status is BankStatus.BLOCKED
        if self.captured is not None and paid != self.captured and not held:
            return f"{paid} is reported paid, but {self.captured} was before"
        discount = report.discount or Money.zero(paid.currency)
        if discount.currency is not paid.currency or discount.amount < 0:
            return f"a discount of {discount} is stated for an order of {self.amount}"
        return self._unexpected_amount(paid, discount, report) or self._wrong_refund(report, paid)

    def _unexpected_amount(self, paid: Money, discount: Money, report: BankReport) -> str | None:
        """Automatic capture takes the amount less the discount; after a pre-authorisation it may be less."""
        expected = self.amount - discount
        manual = self.request.capture is Capture.MANUAL
        if not manual and report.status in (BankStatus.BLOCKED, BankStatus.PARTIAL_COMPLETED):
            return f"bank status {report.status} for an order that is captured automatically"
        if paid.amount <= 0 or (paid > expected if manual else paid != expected):
            return f"{paid} was paid for an order of {self.amount} with a discount of {discount}"
        return None

    def _wrong_refund(self, report: BankReport, paid: Money) -> str | None:
        stated = [refund.amount for refund in report.refunds]
        if report.refunded is not None:
            stated.append(report.refunded)
        if any(amount.currency is not paid.currency or not 0 <= amount.amount <= paid.amount for amount in stated):
            return f"refunds of {', '.join(map(str, stated))} are reported of {paid}"
        returned = refund.completed(refund.merged(self.refunds, report, paid), paid.currency)
        return f"{returned} is reported refunded of {paid}" if returned > paid else None

    def _observe_refunds(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Merge the refunds of a report that fits; the state follows from how much has gone back."""
        if self.captured is None or not report.claims_money:
            return []
        before, known = self.refunded, {one.id: one.state for one in self.refunds}
        self.refunds = refund.merged(self.refunds, report, self.captured)
        events: list[OrderEvent] = []
        done = [
            one for one in self.refunds if one.state is RefundState.COMPLETED and known.get(one.id) is not one.state
        ]
        for one in self.refunds:
            if one.state is RefundState.FAILED and known.get(one.id) is not RefundState.FAILED:
                events += self.mark(f"refund {one.id} of {one.amount} failed: {one.failure}", report.source, at)
            elif one.state is RefundState.COMPLETED and known.get(one.id) is RefundState.FAILED:
                failed = f"refund {one.id} of "
                events += self._clear(lambda reason, of=failed: reason.startswith(of), "the refund succeeded", at)  # type: ignore[misc]
        if self.refunded == self.captured:
            refunded = "everything was refunded"
            events += self._clear(lambda reason: reason.startswith(_REFUND_FAILED), refunded, at)
        if went_back := self.refunded - before:
            self._move("refund" if self.refunded == self.captured else "refund_partially", report.source, at)
            events.append(
                OrderRefunded(
                    tenant_id=self.tenant_id,
                    at=at,
                    order_id=self.id,
                    amount=went_back,
                    refunded=self.refunded,
                    by=", ".join(sorted({one.by for one in done if one.by})),
                )
            )
        return events

    def _advance(self, event: str, report: BankReport, at: datetime) -> list[OrderEvent]:
        """One step of the table, with what it records and what it tells."""
        self._move(event, report.source, at, report.code or report.reject_reason or "")
        self.response_code = report.code
        self.reject_reason = report.reject_reason
        match event:
            case "complete":
                self.captured = captured = self._paid_amount(report)
                return [
                    OrderCompleted(
                        tenant_id=self.tenant_id, at=at, order_id=self.id, amount=self.amount, captured=captured
                    )
                ]
            case "correct":
                self.captured = captured = self._paid_amount(report)
                return [OrderCorrected(tenant_id=self.tenant_id, at=at, order_id=self.id, captured=captured)]
            case "reject" | "release":
                reason = report.reject_reason
                return [
                    OrderRejected(tenant_id=self.tenant_id, at=at, order_id=self.id, code=report.code, reason=reason)
                ]
            case _:
                return []

    def _paid_amount(self, report: BankReport) -> Money:
        """What was paid; a report without an amount has been refused by `_misfit` before."""
        if report.transferred is None:
            raise AssertionError(f"{self.subject} would be completed without an amount")
        self.response_code = PAID
        return report.transferred

    def _change_refund(self, refund_id: str, **changes: Any) -> None:  # noqa: ANN401 - fields of a refund
        self.refunds = tuple(evolve(one, **changes) if one.id == refund_id else one for one in self.refunds)

    def _note(
        self,
        event: str,
        source: Source,
        at: datetime,
        detail: str,
        before: OrderState | None = None,
        by: str = "",
    ) -> None:
        """A line of the history; it moved nothing where no state before it is given."""
        was = before or self.state
        self.steps.append(Step(at=at, event=event, source=source, before=was, after=self.state, detail=detail, by=by))
        self.updated_at = at

    def _move(self, event: str, source: Source, at: datetime, detail: str = "") -> None:
        before = self.state
        lifecycle.fire(self, event)
        self._note(event, source, at, detail, before)
        if self.is_settled:
            self.check_at = None


_PAID = (OrderState.COMPLETED, OrderState.REFUNDED_PARTIALLY, OrderState.REFUNDED)

_TARGETS = {
    BankStatus.CREATED: OrderState.PROCESSING,
    BankStatus.PROCESSING: OrderState.PROCESSING,
    BankStatus.AUTH_REQUESTED: OrderState.PROCESSING,
    BankStatus.BLOCKED: OrderState.BLOCKED,
    BankStatus.COMPLETED: OrderState.COMPLETED,
    BankStatus.PARTIAL_COMPLETED: OrderState.COMPLETED,
    BankStatus.REJECTED: OrderState.REJECTED,
    BankStatus.REFUND_REQUESTED: OrderState.COMPLETED,
    BankStatus.REFUNDED: OrderState.COMPLETED,
    BankStatus.REFUNDED_PARTIALLY: OrderState.COMPLETED,
}
