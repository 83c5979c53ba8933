"""Refunds of one order, requested here or in the bank's back office, each with its id."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import evolve, frozen

from echodesk_billing.domain.keys import KEY_TRUSTED_FOR, derived_key
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus
from echodesk_billing.domain.orders.response_codes import response_code

STATED = "stated"
REFUSED_WATCHED = timedelta(days=1)


class RefundState(enum.StrEnum):
    """The state of a refund. `completed` is final; a success reported after a failure is accepted."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    FAILED = "failed"


@frozen(kw_only=True)
class Refund:
    """One refund.

    Args:
        id: of a refund requested here, its idempotency key; of one made in the bank's back office, its action id;
            `STATED` for what the bank reported only as part of a total.
        amount: the refunded amount.
        action_id: the bank's id, once known.
        reason: why it was requested.
        failure: why it failed; empty unless it did.
        by: who requested it here.
        asked_at: when it was requested; None for one made in the bank's back office.
        unanswered: the caller got an unknown outcome and may repeat the request.
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
        """Whether the bank may have forgotten its key, so that a repetition could refund again."""
        return self.asked_at is not None and now - self.asked_at >= KEY_TRUSTED_FOR

    def may_be_at(self, receipt: BankReport) -> bool:
        """Whether the bank has it, or has a refund in progress that may be this one."""
        return self.action_id is not None or receipt.status is BankStatus.REFUND_REQUESTED


def total(refunds: Iterable[Refund], currency: Currency, *states: RefundState) -> Money:
    """The sum of the refunds in these states."""
    return sum((refund.amount for refund in refunds if refund.state in states), Money.zero(currency))


def completed(refunds: Iterable[Refund], currency: Currency) -> Money:
    """The sum of completed refunds."""
    return total(refunds, currency, RefundState.COMPLETED)


def made_outside(refunds: Iterable[Refund], currency: Currency) -> Money:
    """The sum of the completed refunds that nobody here asked for.

    What the bank states only as part of a total may be one of ours, as long as one of ours has no outcome.
    """
    all_refunds = tuple(refunds)
    waits = any(one.state is RefundState.REQUESTED for one in all_refunds)
    outside = (one for one in all_refunds if one.id == one.action_id or (one.id == STATED and not waits))
    return completed(outside, currency)


def merged(known: tuple[Refund, ...], report: BankReport, paid: Money) -> tuple[Refund, ...]:
    """Merge the refunds of a report with the known ones; `paid` is the upper limit of their sum.

    Listed refunds are identified by the bank's action ids. One that is listed before the answer to our own request
    was stored is matched with the first request of that amount. A total beyond the list becomes one more refund.
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
    """Move the bank's data from a wrongly matched refund to another one of the same amount, or to a new one.

    Args:
        misplaced: the refund with an action id that turned out to belong to another one.
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
    for index, refund in enumerate(refunds):  # it was marked as failed, because the bank refused its repetition
        is_lost = refund.action_id is None and refund.state is RefundState.FAILED
        if is_lost and refund.amount == listed.amount:
            return index
    return None


def _of(listed: BankRefund) -> Refund:
    return _advanced(Refund(id=listed.action_id, amount=listed.amount, state=RefundState.REQUESTED), listed)


def _advanced(refund: Refund, listed: BankRefund) -> Refund:
    """A refund after a report; never moves back from completed, nor from failed to requested."""
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


def may_go_after_all(refunds: Iterable[Refund], at: datetime) -> bool:
    """Whether a refund failed by a refusal within a day: another attempt at it may have reached the bank unheard."""
    refused = (one for one in refunds if one.state is RefundState.FAILED and one.action_id is None)
    return any(one.asked_at is not None and at - one.asked_at < REFUSED_WATCHED for one in refused)
