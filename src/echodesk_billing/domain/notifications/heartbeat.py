"""Heartbeats of the background work, and the rule that says when billing has stalled.

Source: docs/monitoring.md.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from attrs import frozen

REPEATED_AFTER = timedelta(days=1)
"""How often a stall that lasts is announced again."""


class Chore(enum.StrEnum):
    """A kind of background work that has to go on."""

    RENEWALS = "renewals"
    RECONCILIATION = "reconciliation"
    DELIVERY = "delivery"
    MAIL = "mail"
    WEBHOOKS = "webhooks"
    CLEAN_UP = "clean_up"


@frozen(kw_only=True)
class Heartbeat:
    """When a chore last ran, as the database knows it.

    Args:
        ran_at: when it last ended well; None where it never has.
        problem: why it last failed; empty where it has not failed since.
    """

    chore: Chore
    ran_at: datetime | None = None
    problem: str = ""


@frozen(kw_only=True)
class ChoreState:
    """A heartbeat, and how far behind the chore is.

    Args:
        waiting_since: since when the oldest piece of its work has been due; None where nothing waits.
    """

    heartbeat: Heartbeat
    waiting_since: datetime | None = None

    def behind(self, now: datetime) -> timedelta:
        """How long the oldest piece of its work has been due."""
        return max(now - self.waiting_since, timedelta(0)) if self.waiting_since else timedelta(0)


@frozen(kw_only=True)
class Stall:
    """A stall that was noticed.

    Args:
        since: when it was noticed.
        announced_at: when it was last announced.
    """

    since: datetime
    announced_at: datetime


def is_stalled(due_since: datetime | None, now: datetime, limit: timedelta) -> bool:
    """Whether billing has stalled: a renewal has been due for longer than `limit`.

    Args:
        due_since: since when the oldest renewal has been due; None where none is.
    """
    return due_since is not None and now - due_since > limit


def is_announced(stall: Stall | None, now: datetime) -> bool:
    """Whether a stall was announced lately, so that it need not be again."""
    return stall is not None and now - stall.announced_at < REPEATED_AFTER
