"""Refunds of one order: asked for here or at the bank's office, each told apart by its id."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

from attrs import evolve, frozen

from echodesk_billing.domain.keys import KEY_TRUSTED_FOR, derived_key
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus
from echodesk_billing.domain.orders.response_codes import response_code

STATED = "stated"


class RefundState(enum.StrEnum):
    """Where a refund stands. `completed` is final; a report of success after a failure is believed."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    FAILED = "failed"


@frozen(kw_only=True)
class Refund:
    """Money on its way back to the customer.

    Args:
        id: of a refund asked for here, its idempotency key; of one made at the bank's office, the bank's action id;
            `STATED` for what the bank only stated as part of a total.
        amount: how much goes back.
        action_id: the bank's id, once it is known.
        reason: why it was asked for.
        failure: why it failed; empty unless it did.
        by: who asked for it here.
        asked_at: when; None for one made at the bank's office.
        unanswered: whoever asked was told that the outcome is not known, and may ask again.
    """

    id: str
    amount: Money
    state: RefundState = RefundState.COMPLETED
    action_id: str | None = None
    reason: str = ""
    failure: str = ""
    by: str = ""
    asked_at: datetime | None = None
    unanswered: bool = False

    def is_old(self, now: datetime) -> bool:
        """Whether the bank may have forgotten its key, so that asking again could refund again."""
        return self.asked_at is not None and now - self.asked_at >= KEY_TRUSTED_FOR

    def may_be_at(self, receipt: BankReport) -> bool:
        """Whether the bank knows of it, or is still working on a refund that may be this one."""
        return self.action_id is not None or receipt.status is BankStatus.REFUND_REQUESTED


def total(refunds: Iterable[Refund], currency: Currency, *states: RefundState) -> Money:
    """The sum of the refunds in these states."""
    return sum((refund.amount for refund in refunds if refund.state in states), Money.zero(currency))


def completed(refunds: Iterable[Refund], currency: Currency) -> Money:
    """How much has gone back."""
    return total(refunds, currency, RefundState.COMPLETED)


def merged(known: tuple[Refund, ...], report: BankReport, paid: Money) -> tuple[Refund, ...]:
    """What is known of refunds together with what a report says; `paid` is what can go back at all.

    Listed refunds are told apart by the bank's action ids. One that is listed before the answer to our own request
    was stored is taken for the first request of that amount. A total beyond the list stands for the rest.
    """
    refunds = [refund for refund in known if refund.id != STATED]
    for listed in report.refunds:
        index = _index(refunds, listed)
        if index is None:
            refunds.append(_of(listed))
        else:
            refunds[index] = _advanced(refunds[index], listed)
    stated = completed(known, paid.currency)
    if report.status is BankStatus.REFUNDED:
        stated = paid
    elif report.status is BankStatus.REFUNDED_PARTIALLY and report.refunded is not None:
        stated = max(stated, report.refunded)
    rest = stated - completed(refunds, paid.currency)
    unlisted = (Refund(id=STATED, amount=rest),) if rest.amount > 0 else ()
    return (*refunds, *unlisted)


def adopted(refunds: tuple[Refund, ...], misplaced: Refund) -> tuple[Refund, ...]:
    """The refunds with what was known of one given to another of its amount that has no action id, or to a new one.

    Args:
        misplaced: a refund as it was, with an action id that turned out to be another's.
    """
    for index, refund in enumerate(refunds):
        if refund.action_id is None and refund.amount == misplaced.amount and refund.id != misplaced.id:
            known = evolve(refund, action_id=misplaced.action_id, state=misplaced.state, failure=misplaced.failure)
            return (*refunds[:index], known, *refunds[index + 1 :])
    return (*refunds, evolve(misplaced, id=misplaced.action_id or misplaced.id, by="", asked_at=None))


def _index(refunds: list[Refund], listed: BankRefund) -> int | None:
    for index, refund in enumerate(refunds):
        if refund.action_id == listed.action_id:
            return index
    for index, refund in enumerate(refunds):
        waits = refund.action_id is None and refund.state is RefundState.REQUESTED
        if waits and refund.amount == listed.amount:
            return index
    for index, refund in enumerate(refunds):  # it was taken for failed, because the bank refused to hear of it again
        is_lost = refund.action_id is None and refund.state is RefundState.FAILED
        if is_lost and refund.amount == listed.amount:
            return index
    return None


def _of(listed: BankRefund) -> Refund:
    return _advanced(Refund(id=listed.action_id, amount=listed.amount, state=RefundState.REQUESTED), listed)


def _advanced(refund: Refund, listed: BankRefund) -> Refund:
    """A refund after the bank spoke of it; never back from completed, nor from failed to requested."""
    known = evolve(refund, action_id=listed.action_id)
    if listed.completed:
        return evolve(known, state=RefundState.COMPLETED, failure="")
    if listed.failed and refund.state is not RefundState.COMPLETED:
        code = listed.code
        meaning = response_code(code).meaning.removeprefix("refund failed: ") if code else ""
        failure = f"{meaning} (code {code})" if code else "the bank gave no code"
        return evolve(known, state=RefundState.FAILED, failure=failure)
    return known


def give_back_id(order_key: str) -> str:
    """The id of the refund of a payment that buys nothing.

    Args:
        order_key: the order's idempotency key.
    """
    return derived_key(order_key, "paid twice")
