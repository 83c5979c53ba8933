"""What became of a report of the bank."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import frozen

from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.order import Order


class Outcome(enum.StrEnum):
    """The outcome of a report."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN_ORDER = "unknown order"


@frozen(kw_only=True)
class Settled:
    """The result of merging a report.

    Args:
        outcome: of the report.
        order: the current order; None where no order matches.
        events: emitted by it.
    """

    outcome: Outcome
    order: Order | None = None
    events: Sequence[Event] = ()
