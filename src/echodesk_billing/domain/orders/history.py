"""The history of an order: its steps, and the results of calls to the bank."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from attrs import frozen

CallOutcome = Literal["accepted", "refused", "in_doubt", "repeated"]


@frozen(kw_only=True)
class Step:
    """One entry of an order's history: an event, its source, and the person behind it, if any."""

    at: datetime
    event: str
    source: str
    before: str
    after: str
    detail: str = ""
    by: str = ""
