"""What a refusal of the bank means, depending on earlier and concurrent attempts."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import LONGEST_CHECK_INTERVAL


class Attempt(enum.Enum):
    """The attempt at creating an order at the bank.

    Every attempt but the first is noted in the order's history before it is made.
    """

    FIRST = "first"
    AGAIN = "repeated"
    LAST = "repeated after the key expired"

    def is_settled_by_refusal(self, history: Iterable[Step], now: datetime) -> bool:
        """Whether the bank's refusal of this attempt is final: nothing was done, and nothing will be.

        It is not where another process tried too, and may still await its answer: two attempts under one key can end
        differently, when the bank refuses one of them without looking at the key.

        Args:
            history: the order's steps.
            now: when the refusal came.
        """
        steps = list(history)
        match self:
            case Attempt.FIRST:
                return not repetitions(steps, "create")
            case Attempt.AGAIN:
                return False
            case Attempt.LAST:
                return is_alone(steps, "create", "", now)


def is_alone(history: Iterable[Step], call: str, detail: str, now: datetime) -> bool:
    """Whether a repeated attempt is the only one of the last hour, and no earlier outcome is unknown.

    Args:
        history: the order's steps, the note of the attempt among them.
        call: `create` or `refund`.
        detail: which refund; empty for `create`.
    """
    recent = [step for step in history if step.at > now - LONGEST_CHECK_INTERVAL]
    unknown = [step for step in recent if call == "create" and step.event == "create_in_doubt"]
    return len(repetitions(recent, call, detail)) == 1 and not unknown


def repetitions(history: Iterable[Step], call: str, detail: str = "") -> list[Step]:
    """The notes of repeated attempts at a call; see `is_alone` for the arguments."""
    return [step for step in history if (step.event, step.detail) == (f"{call}_repeated", detail)]
