"""An order: one payment, and how the bank's reports are merged into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import Attribute, define, evolve, field

from echodesk_billing.domain.catalogue.pricing import Plan
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
from echodesk_billing.domain.keys import KEY_TRUSTED_FOR
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.orders import contested, fit, lifecycle, refund
from echodesk_billing.domain.orders.history import CallOutcome, Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.payment_request import PaymentRequest
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund, RefundState, give_back_id
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from echodesk_billing.domain.orders.response_codes import PAID

FIRST_CHECK_AFTER = timedelta(minutes=1)
LONGEST_CHECK_INTERVAL = timedelta(hours=1)
DOUBLE_CLICK = timedelta(minutes=1)
MOST_ATTENTION_REASONS = 20
REFUND_FAILED = "refund "
_HELD = "the bank holds money for this rejected order"
NO_ANSWER = "the charge has had no answer"


def _positive_amount(_order: Order, _field: Attribute[Money], value: Money) -> None:
    positive(value, "the amount of an order")


@define(kw_only=True)
class Order:
    """One payment.

    Args:
        id: ours: purpose, dash, 12 upper-case hexadecimal digits; the bank's `external_order_id`.
        idempotency_key: UUID v4; sent with every attempt to create the order at the bank.
        plan: what is bought, with its price.
        period: number of the subscription period that it pays.
        amount: the requested amount.
        captured: the amount charged to the card, once paid.
        attention: why it needs attention; empty where it does not.
        resolved: reasons that an operator has resolved; they are not raised again.
        saves_card: whether the bank agreed to save the card; None where it was not asked.
        action_reason: why the customer has to pay it, for orders that the customer did not start.
        check_at: when to reconcile it; None where it is settled.
        version: incremented with every stored change.
        steps: history entries added since it was loaded.
        pays_until: the end of the period it pays, if paid now; known only in the call that created it.

    Source: docs/lifecycles.md.
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
    action_reason: str | None = None
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
        action_reason: str | None = None,
        by: str = "",
    ) -> tuple[Order, OrderCreated]:
        """A new order, for one period of a plan or to save a card; store it before it is sent to the bank.

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
            action_reason=action_reason,
            check_at=at + FIRST_CHECK_AFTER,
        )
        order.steps.append(Step(at=at, event="create", source=Source.REQUEST, before="", after=order.state, by=by))
        return order, OrderCreated(tenant_id=tenant_id, at=at, order_id=order_id, amount=order.amount, by=by)

    @property
    def subject(self) -> str:
        """Its name in error messages."""
        return f"order {self.id}"

    @property
    def is_open(self) -> bool:
        """Whether the customer may still pay it."""
        return self.state in (OrderState.CREATED, OrderState.PROCESSING)

    @property
    def is_settled(self) -> bool:
        """Whether it is final unless the bank reports a correction."""
        open_states = (OrderState.CREATED, OrderState.PROCESSING, OrderState.BLOCKED)
        return self.state not in open_states and not self.pending_refunds

    @property
    def is_paid(self) -> bool:
        """Whether it was paid, even if refunded since."""
        return self.state in _PAID

    @property
    def pending_refunds(self) -> tuple[Refund, ...]:
        """Pending refunds."""
        return tuple(one for one in self.refunds if one.state is RefundState.REQUESTED)

    @property
    def refunded(self) -> Money:
        """The refunded amount."""
        return refund.completed(self.refunds, self.amount.currency)

    @property
    def is_given_back(self) -> bool:
        """Whether the payment bought nothing, so that it is refunded automatically."""
        return any(one.id == give_back_id(self.idempotency_key) for one in self.refunds)

    def is_old(self, now: datetime) -> bool:
        """Whether the bank may have forgotten the idempotency key, so that a repetition could charge again."""
        return now - self.created_at >= KEY_TRUSTED_FOR

    def wants_confirmation(self, report: BankReport) -> bool:
        """Whether `report` says that a rejected order was paid, which only a receipt can confirm."""
        return self.state is OrderState.REJECTED and report.source is not Source.RECEIPT and report.claims_money

    def is_known_as(self, report: BankReport) -> bool:
        """Whether a callback carries the bank's id that we know.

        The bank signs the callbacks of all its merchants with one key, and any of them may name an order as we do. So
        a signature is evidence about this order only together with the bank's id that the bank itself gave us.
        """
        return report.source is not Source.CALLBACK or report.bank_order_id == self.bank_order_id

    def observe(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Merge a report of the bank.

        Reports may arrive in any order and repeatedly: an outdated one changes nothing, one that
        is ahead moves through the transition table step by step, a contradictory one marks the order for attention.

        Args:
            report: of this order.
            at: now.

        Returns:
            The events, in order; each one once, however often it is reported.

        Source: docs/lifecycles.md.
        """
        if (gross := fit.gross(self, report)) != report.transferred:
            report = evolve(report, transferred=gross)
        if reason := fit.misfit(self, report):
            return self.mark(reason, report.source, at)
        if self.wants_confirmation(report):
            return []
        self.bank_order_id = report.bank_order_id
        events: list[OrderEvent] = []
        if report.source is Source.RECEIPT:
            events += self._observe_hold(report, at)
            stays = (REFUND_FAILED, _HELD, contested.REFUNDED_OUTSIDE, contested.DISPUTED)
            events += self.clear(lambda reason: not reason.startswith(stays), "the bank's receipt fits", at)
        else:
            events += self.clear(lambda reason: reason.startswith(NO_ANSWER), "the bank has answered", at)
        events += self._require_action(report, at)
        self.payment_url = self.payment_url or report.payment_url
        for event in lifecycle.order_path(self.state, fit.TARGETS[BankStatus(report.status)]):
            events += self._advance(event, report, at)
        if self.saves_card is None and report.saves_card is not None:
            self.saves_card = report.saves_card
            self.called("save_card", "accepted" if report.saves_card else "in_doubt", at)
        if self.is_paid:
            known = self.refunds
            events += self._observe_refunds(report, at)
            events += contested.refunded_outside(self, known, report.source, at)
            events += contested.disputed(self, report.source, at) if report.disputed else []
        if self.is_settled:
            goes_on = fit.can_be_paid_after_all(self, report) or refund.may_go_after_all(self.refunds, at)
            self.check_at = at + FIRST_CHECK_AFTER if goes_on else None
        return events

    def _observe_hold(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Mark a rejected order for attention while money is held for it."""
        if report.status is not BankStatus.BLOCKED:
            return self.clear(lambda reason: reason.startswith(_HELD), "nothing is held", at)
        if self.state is not OrderState.REJECTED:
            return []
        return self.mark(f"{_HELD}: release it in the bank's business manager", Source.RECEIPT, at)

    def refuse(self, reason: str, at: datetime) -> list[OrderEvent]:
        """Apply the bank's refusal to create the order. No effect in later states than `created`.

        Args:
            reason: the bank's message.
        """
        if self.state is not OrderState.CREATED:
            return []
        self.move("reject", Source.ANSWER, at, reason)
        self.reject_reason = reason
        rejected = OrderRejected(tenant_id=self.tenant_id, at=at, order_id=self.id, code=None, reason=reason)
        return [*self.clear(lambda one: one.startswith(NO_ANSWER), "nothing was charged", at), rejected]

    def mark(self, reason: str, source: Source, at: datetime) -> list[OrderEvent]:
        """Mark the order for attention; the same reason counts once."""
        known = reason in self.attention or reason in self.resolved
        if known or len(self.attention) >= MOST_ATTENTION_REASONS:
            return []
        self.attention = tuple(sorted((*self.attention, reason)))
        self.note("attention", source, at, reason)
        return [OrderMismatch(tenant_id=self.tenant_id, at=at, order_id=self.id, reason=reason)]

    def clear(self, proved: Callable[[str], bool], note: str, at: datetime) -> list[OrderEvent]:
        """Drop the reasons for attention that the bank's reports have settled."""
        gone = tuple(reason for reason in self.attention if proved(reason))
        if not gone:
            return []
        self.attention = tuple(reason for reason in self.attention if reason not in gone)
        self.note("attention_cleared", Source.RECEIPT, at, f"{note}: {'; '.join(gone)}")
        return [
            OrderAttentionResolved(tenant_id=self.tenant_id, at=at, order_id=self.id, reasons=gone, by="", note=note)
        ]

    def called(self, call: str, outcome: CallOutcome, at: datetime, detail: str = "", by: str = "") -> None:
        """Note the result of a call to the bank in the history; a doubt after a rejection has the bank asked again."""
        source = Source.REQUEST if outcome in ("in_doubt", "repeated") else Source.ANSWER
        self.note(f"{call}_{outcome}", source, at, detail, by=by)
        if outcome == "in_doubt" and self.state is OrderState.REJECTED:
            self.check_at = at

    def checked(self, at: datetime, *, planned: datetime | None, problem: str | None = None) -> None:
        """Note a check at the bank and plan the next one, with exponential backoff.

        The pause equals the age of the order, from a minute to an hour.

        Args:
            planned: the `check_at` that led to this check. Where it has changed since, another check was requested:
                a settled order is checked again.
            problem: why the bank did not answer; then a settled order is checked again too.
        """
        self.note("asked", Source.RECEIPT, at, problem or "")
        is_asked_again = self.check_at != planned
        wait = min(max(at - self.created_at, FIRST_CHECK_AFTER), LONGEST_CHECK_INTERVAL)
        found_out = problem is None and not is_asked_again
        is_over = self.is_settled and found_out and not refund.may_go_after_all(self.refunds, at)
        self.check_at = None if is_over else at + wait

    def _require_action(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Notify the customer of the payment page of an order that the customer did not start."""
        reason, url = self.action_reason, report.payment_url
        if reason is None or url is None or self.payment_url is not None:
            return []
        told = PaymentActionRequired(tenant_id=self.tenant_id, at=at, order_id=self.id, payment_url=url, reason=reason)
        return [told]

    def _observe_refunds(self, report: BankReport, at: datetime) -> list[OrderEvent]:
        """Merge the refunds of a consistent report; the state follows from the refunded amount."""
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
                events += self.clear(lambda reason, of=failed: reason.startswith(of), "the refund succeeded", at)  # type: ignore[misc]
        if self.refunded == self.captured:
            refunded = "everything was refunded"
            events += self.clear(lambda reason: reason.startswith(REFUND_FAILED), refunded, at)
        if went_back := self.refunded - before:
            self.move("refund" if self.refunded == self.captured else "refund_partially", report.source, at)
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
        """Apply one event of the table: record the step and emit events."""
        self.move(event, report.source, at, report.code or report.reject_reason or "")
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
        """The paid amount; a report without one was rejected before."""
        if report.transferred is None:
            raise AssertionError(f"{self.subject} would be completed without an amount")
        self.response_code = PAID
        return report.transferred

    def note(
        self,
        event: str,
        source: Source,
        at: datetime,
        detail: str,
        before: OrderState | None = None,
        by: str = "",
    ) -> None:
        """Add an entry to the history; without a previous state it is a note."""
        was = before or self.state
        self.steps.append(Step(at=at, event=event, source=source, before=was, after=self.state, detail=detail, by=by))
        self.updated_at = at

    def move(self, event: str, source: Source, at: datetime, detail: str = "") -> None:
        """Apply an event of the transition table, and note it.

        Raises:
            IllegalTransition: the table does not allow it in this state; nothing was changed.
        """
        before = self.state
        lifecycle.fire(self, event)
        self.note(event, source, at, detail, before)
        if self.is_settled:
            self.check_at = None


_PAID = (OrderState.COMPLETED, OrderState.REFUNDED_PARTIALLY, OrderState.REFUNDED)
