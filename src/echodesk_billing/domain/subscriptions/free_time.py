"""Time for which nothing is charged: a pause, or a complimentary plan."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Until when there is access where it has no end."""


@frozen(kw_only=True)
class Pause:
    """A pause after the paid time.

    Args:
        until: when it ends by itself; None where somebody has to resume the subscription.
        keeps_access: whether the tenant has access meanwhile.
    """

    until: datetime | None
    keeps_access: bool


@frozen(kw_only=True)
class Complimentary:
    """Time that costs nothing.

    Args:
        begins: where the time that was paid or given before ends.
        until: None where it is for good.
    """

    begins: datetime
    until: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Whether nothing is charged at a moment."""
        return self.until is None or moment < self.until
