"""What the plan of an import depends on, besides the tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from echodesk_billing.domain.orders.report import BankReport
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy

LONGEST_RUN = timedelta(hours=1)


@frozen(kw_only=True)
class ImportRules:
    """What the plan depends on.

    Args:
        now: when the import is made.
        pause: how long after the import nothing is due.
        grace_from: from when the grace of an overdue subscription counts; from the import where None.
        time_zone: of the calendar months, an IANA name.
        callback_url: the public URL of our webhook.
        by: who imports, for the record.
    """

    now: datetime
    pause: timedelta
    grace_from: datetime | None = None
    time_zone: str
    policy: RenewalPolicy
    callback_url: str
    by: str = ""

    @property
    def quiet_until(self) -> datetime:
        """Nothing is due earlier; counted from the latest end of an import that began now."""
        return self.now + LONGEST_RUN + self.pause

    @property
    def grace_begins(self) -> datetime:
        """From when the grace of an overdue subscription counts."""
        return self.grace_from or self.now

    def at(self, moment: datetime | None) -> ImportRules:
        """The rules of an import at another moment; the same where it is None."""
        return self if moment is None else evolve(self, now=moment)


@frozen(kw_only=True)
class Receipts:
    """What the bank says, by the bank's id or, where that is not known, by the CRM's.

    Args:
        answers: None where the bank does not know the order; an order that was not asked about is missing.
        foreign: ids that belong to another merchant.
    """

    answers: Mapping[str, BankReport | None] = field(factory=dict)
    foreign: frozenset[str] = frozenset()

    def was_asked(self, order_id: str) -> bool:
        """Whether the bank was asked about an order."""
        return order_id in self.answers

    def of(self, order_id: str) -> BankReport | None:
        """The receipt of an order; None where the bank was not asked, or does not know it."""
        return None if order_id in self.foreign else self.answers.get(order_id)


NOT_ASKED = Receipts()
