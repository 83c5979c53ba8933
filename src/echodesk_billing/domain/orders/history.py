"""The history of an order: its steps, and what came of calls to the bank."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from attrs import frozen

CallOutcome = Literal["accepted", "refused", "in_doubt", "repeated"]


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
