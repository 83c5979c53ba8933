"""Until when a tenant has paid: no paid day is lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import frozen

from echodesk_billing.domain import calendar
from echodesk_billing.domain.importing.findings import UNDECIDED, Decision, Finding, Kind
from echodesk_billing.domain.importing.payment import RETRY, Payment
from echodesk_billing.domain.importing.records import OldSubscription

OLD_PERIOD = timedelta(days=30)
_COVERS = OLD_PERIOD - timedelta(days=1)
"""A payment that the dates show has moved them at least this far from it."""
_SAME_TIME = timedelta(hours=1)
_TOGETHER = timedelta(days=3)
_CHARGES = ("REC", RETRY, "REACT", "MAN")
_PURCHASES = ("SUB", "TRIAL-CONV")


@frozen(kw_only=True)
class PaidUntil:
    """The end of the paid time, and why.

    Args:
        moment: None where no date is known.
        because: where it comes from, in words.
    """

    moment: datetime | None
    because: tuple[str, ...] = ()


def paid_until(
    old: OldSubscription,
    payments: Sequence[Payment],
    tenant_id: str,
    time_zone: str,
    decision: Decision = UNDECIDED,
) -> tuple[PaidUntil, list[Finding]]:
    """The later of the two dates, and one period for every charge that they do not show. Nothing is subtracted."""
    dates = [("expires_at", old.expires_at), ("next_billing_date", old.next_billing_date)]
    known = [(moment, name) for name, moment in dates if moment is not None]
    found: list[Finding] = _double(payments, tenant_id)
    if decision.paid_until is not None:
        return PaidUntil(moment=decision.paid_until, because=("decided",)), found
    if not known:
        message = "neither date is set: until when it has paid is not known"
        return PaidUntil(moment=None), [*found, Finding(kind=Kind.INCOMPLETE, tenant=tenant_id, message=message)]
    until, name = max(known)
    because, moment = [name], until
    for payment in payments:
        is_settled = payment.order_id in decision.settled
        if is_settled or not payment.is_paid or not _is_hidden(payment, old, until):
            continue
        if payment.prefix in _CHARGES or payment.order_id in decision.apply:
            moment = _later(moment, time_zone)
            because.append(f"+ 1 month for {payment.order_id}")
            message = f"paid {payment.paid_at:%Y-%m-%d}, and the dates do not show it: one month is added"
            found.append(payment.finding(Kind.PAYMENT_ADDED, tenant_id, message))
        elif payment.prefix in _PURCHASES:
            message = (
                f"paid {payment.paid} on {payment.paid_at:%Y-%m-%d}, and the dates do not show it: "
                "apply it by a decision, or give it back"
            )
            found.append(payment.finding(Kind.PAID_WITHOUT_EFFECT, tenant_id, message))
    return PaidUntil(moment=moment, because=tuple(because)), found


def _is_hidden(payment: Payment, old: OldSubscription, until: datetime) -> bool:
    """Whether the dates cannot stem from this payment: it is later than what was billed last, and they end early."""
    is_later = old.last_billed_at is None or payment.paid_at > old.last_billed_at
    began = old.starts_at is None or payment.paid_at >= old.starts_at - _SAME_TIME
    return is_later and began and until < payment.paid_at + _COVERS


def _later(moment: datetime, time_zone: str) -> datetime:
    """One period later: a calendar month, or the 30 days of the old period where those are more."""
    return max(calendar.months_after(moment, 1, time_zone), moment + OLD_PERIOD)


def _double(payments: Sequence[Payment], tenant_id: str) -> list[Finding]:
    """Payments of a month so close together that one of them may be one too many."""
    monthly = [one for one in payments if one.is_paid and one.prefix in (*_CHARGES, *_PURCHASES)]
    found = []
    for earlier, later in itertools.pairwise(monthly):
        if later.paid_at - earlier.paid_at < _TOGETHER:
            message = f"paid {later.paid} within three days of {earlier.order_id}: check whether both were meant"
            found.append(later.finding(Kind.DUPLICATE, tenant_id, message))
    return found
