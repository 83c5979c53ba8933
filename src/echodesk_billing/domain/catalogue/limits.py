"""Limits of what is sold: usage limits, and how many seats can be bought."""

from __future__ import annotations

from attrs import Attribute, field, frozen

from echodesk_billing.domain.arguments import typed
from echodesk_billing.domain.errors import InvalidCatalogue, InvalidSelection

MOST_SEATS = 10_000
UNLIMITED = -1


def _limit(_: object, attribute: Attribute[int], value: int) -> None:
    if value < 0 and not (value == UNLIMITED and attribute.name != "max_users"):
        also = "" if attribute.name == "max_users" else f", or {UNLIMITED} for unlimited"
        raise InvalidCatalogue(f"the limit {attribute.name} is {value}: give 0 or more{also}")


@frozen(kw_only=True, field_transformer=typed)
class Limits:
    """Usage limits of a package, or those that a feature adds.

    Args:
        max_users: 0 where the number of users is not limited.
        max_whatsapp_messages: a month; -1 for unlimited.
        max_storage_gb: in gigabytes; -1 for unlimited.

    Raises:
        InvalidCatalogue: a limit is negative.
    """

    max_users: int = field(default=0, validator=_limit)
    max_whatsapp_messages: int = field(default=0, validator=_limit)
    max_storage_gb: int = field(default=0, validator=_limit)

    def plus(self, added: Limits) -> Limits:
        """These limits and those of an added feature; unlimited stays unlimited."""
        return Limits(
            max_users=self.max_users + added.max_users,
            max_whatsapp_messages=_added(self.max_whatsapp_messages, added.max_whatsapp_messages),
            max_storage_gb=_added(self.max_storage_gb, added.max_storage_gb),
        )


NO_LIMITS = Limits()


def _added(one: int, other: int) -> int:
    return UNLIMITED if UNLIMITED in (one, other) else one + other


@frozen(kw_only=True, field_transformer=typed)
class SeatRules:
    """How many seats can be bought.

    Args:
        min_seats: the fewest.
        max_seats: the most; `MOST_SEATS` where 0.
        seat_step: seats are a multiple of it.

    Raises:
        InvalidCatalogue: no number of seats fits.
    """

    min_seats: int = 1
    max_seats: int = 0
    seat_step: int = 1

    def __attrs_post_init__(self) -> None:
        if min(self.min_seats, self.seat_step) < 1 or self.max_seats < 0 or not self.fits(self.fewest):
            raise InvalidCatalogue(
                f"no number of seats fits min_seats {self.min_seats}, max_seats {self.max_seats or MOST_SEATS} "
                f"and seat_step {self.seat_step}"
            )

    @property
    def fewest(self) -> int:
        """The smallest number of seats that fits."""
        return -(-self.min_seats // self.seat_step) * self.seat_step

    def fits(self, seats: int) -> bool:
        """Whether this number of seats can be bought."""
        return self.min_seats <= seats <= (self.max_seats or MOST_SEATS) and seats % self.seat_step == 0

    def require(self, seats: int, name: str, had: int = 0) -> None:
        """Check a number of seats.

        Args:
            name: of what is bought, for the message.
            had: the most seats it had so far, which may be reduced step by step.

        Raises:
            InvalidSelection: a rule is broken; the message says which.
        """
        if seats < self.min_seats:
            said = f"{name} has at least {self.min_seats} seats, not {seats}"
        elif self.max_seats and seats > max(self.max_seats, had):
            said = f"{name} has at most {max(self.max_seats, had)} seats, not {seats}"
        elif seats % self.seat_step:
            said = f"{name} is sold in steps of {self.seat_step} seats, so {seats} is not possible"
        else:
            return
        raise InvalidSelection("agent_count", said)


ANY_SEATS = SeatRules()
