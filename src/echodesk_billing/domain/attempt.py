"""What a refusal of the bank says of an order, which depends on who else asked for the same order."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

from echodesk_billing.domain.order import LONGEST_CHECK_INTERVAL, Step

REPEATED = "create_repeated"


class Attempt(enum.Enum):
    """Which attempt at creating an order at the bank it is.

    Every attempt but the first is noted in the order's history before the bank hears of it.
    """

    FIRST = "nobody can have asked before"
    AGAIN = "somebody did, and nobody knows what came of it"
    LAST = "somebody did, and the bank, which has forgotten the key by now, does not find the order"

    def is_settled_by_refusal(self, history: Iterable[Step], now: datetime) -> bool:
        """Whether the bank's refusal of this attempt means that nothing was done, and that nothing will be.

        Not where another process asked too, and may be waiting for its answer: two attempts under one key can end
        differently, when the bank refuses one of them without looking at the key.

        Args:
            history: the order's steps.
            now: when the refusal came.
        """
        repeated = [step.at for step in history if step.event == REPEATED]
        match self:
            case Attempt.FIRST:
                return not repeated
            case Attempt.AGAIN:
                return False
            case Attempt.LAST:
                return sum(at > now - LONGEST_CHECK_INTERVAL for at in repeated) == 1  # this one
