"""Saved cards, and what each may be charged for."""

from __future__ import annotations

import calendar
import enum
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from attrs import define

from echodesk_billing.domain.events import CardForgotten, CardSaved, DefaultCardChosen, ReminderDue
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, SaveCard
from echodesk_billing.domain.orders.report import ReportedCard
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
REPEATED_WITHIN = timedelta(hours=1)
_EXPIRY = re.compile(r"(0?[1-9]|1[0-2])/(?:20)?(\d\d)", re.ASCII)


class CardState(enum.StrEnum):
    """`forgetting`: removed here; the bank has not confirmed the deletion yet."""

    ACTIVE = "active"
    FORGETTING = "forgetting"
    FORGOTTEN = "forgotten"


@define(kw_only=True)
class Card:
    """A card that the bank saved when an order was paid.

    Args:
        id: numeric id for the frontend, 0 before it is stored.
        order_id: ours, of the parent order.
        bank_order_id: the bank's id of the parent order, which identifies the card.
        kind: `recurrent` needs the customer present; `automatic` is a mandate for exactly `mandate`.
        mandate: amount and currency of the parent order.
        masked_number: as sent by the bank.
        expiry: month and year, `12/30`; empty where unknown.
        remind_at: when to remind the customer that it expires; None for no reminder.
        chosen_at: when its owner made it the default, by choosing it or by paying with it; None where it replaced
            a removed one.
        forgotten_at: when its owner asked for its removal.
        removed_as_default: whether it was removed as the default card, without its id.
        forget_at: when to ask the bank next to delete it; None where there is nothing to delete.
        version: incremented with every stored change.

    Source: docs/saved-cards.md.
    """

    id: int = 0
    tenant_id: str
    order_id: str
    bank_order_id: str
    kind: SaveCard
    mandate: Money
    masked_number: str
    brand: str
    expiry: str
    saved_at: datetime
    is_default: bool = False
    state: CardState = CardState.ACTIVE
    remind_at: datetime | None = None
    chosen_at: datetime | None = None
    forgotten_at: datetime | None = None
    removed_as_default: bool = False
    forget_at: datetime | None = None
    version: int = 0

    @classmethod
    def save(
        cls, order: Order, reported: ReportedCard, at: datetime, *, is_first: bool, is_mandate: bool = False
    ) -> tuple[Card, CardSaved]:
        """The card that paid `order`.

        Args:
            is_first: the tenant has no other, so this becomes the default.
            is_mandate: it paid for the subscription and may be charged again, so it becomes the default.
        """
        chosen = (is_mandate and reported.kind is SaveCard.AUTOMATIC) or order.request.makes_default
        card = cls(
            tenant_id=order.tenant_id,
            order_id=order.id,
            bank_order_id=order.bank_order_id or "",
            kind=reported.kind,
            mandate=order.amount,
            masked_number=reported.masked_number,
            brand=reported.brand,
            expiry=reported.expiry,
            saved_at=at,
            is_default=is_first or chosen,
            chosen_at=at if is_first or chosen else None,
        )
        return card, CardSaved(tenant_id=order.tenant_id, at=at, order_id=order.id, masked_number=card.masked_number)

    @classmethod
    def unwanted(cls, order: Order, reported: ReportedCard, at: datetime) -> Card:
        """A card that the bank saved and that may not be used; the bank is asked to delete it."""
        card, _ = cls.save(order, reported, at, is_first=False)
        card.forget(at)
        return card

    def is_unchargeable(self, order: Order) -> bool:
        """Whether charging it would only hold money: a charge inherits the parent order's capture mode."""
        return self.kind is SaveCard.AUTOMATIC and order.request.capture is Capture.MANUAL

    @property
    def expires_at(self) -> datetime | None:
        """The end of its expiry month, UTC; None where unknown."""
        read = _EXPIRY.fullmatch(self.expiry)
        if read is None:
            return None
        month, year = int(read[1]), 2000 + int(read[2])
        return datetime(year, month, calendar.monthrange(year, month)[1], tzinfo=UTC) + timedelta(days=1)

    def is_expired(self, now: datetime) -> bool:
        """Whether it has expired; a card with unknown expiry has not."""
        return self.expires_at is not None and now >= self.expires_at

    def plan_reminder(self, policy: RenewalPolicy, since: datetime) -> None:
        """Set the next reminder after `since`."""
        moments = policy.reminders_before(self.expires_at) if self.expires_at else []
        self.remind_at = min((moment for moment, _ in moments if moment > since), default=None)

    def remind(self, now: datetime, policy: RenewalPolicy) -> list[ReminderDue]:
        """Emit a due expiry reminder, only for the default card, and set the next one."""
        since, expiry = self.remind_at, self.expires_at
        self.plan_reminder(policy, now)
        if since is None or expiry is None or not self.is_default or now >= expiry:
            return []
        came = [days for moment, days in policy.reminders_before(expiry) if moment <= now]
        return [ReminderDue(tenant_id=self.tenant_id, at=now, what="card", days=min(came), expires_at=expiry)]

    def is_same_card(self, other: Card) -> bool:
        """Whether two mandates belong to the same physical card."""
        return self.kind is other.kind and self.is_same_plastic(other)

    def is_same_plastic(self, other: Card) -> bool:
        """Whether both are the same physical card, whatever each may be charged for."""
        mine, theirs = ((card.tenant_id, card.masked_number, card.brand, card.expiry) for card in (self, other))
        return mine == theirs

    def choose(self, at: datetime) -> list[DefaultCardChosen]:
        """Make it the default by choice of its owner."""
        self.is_default, self.chosen_at = True, at
        number = self.masked_number
        return [DefaultCardChosen(tenant_id=self.tenant_id, at=at, order_id=self.order_id, masked_number=number)]

    def forget(self, at: datetime, *, as_default: bool = False) -> list[CardForgotten]:
        """Remove it here; the bank is asked next. Idempotent.

        Args:
            as_default: the request was for the default card, without its id.
        """
        if self.state is not CardState.ACTIVE:
            return []
        self.state = CardState.FORGETTING
        self.is_default = False
        self.forgotten_at = self.forget_at = at
        self.removed_as_default = as_default
        number = self.masked_number
        return [CardForgotten(tenant_id=self.tenant_id, at=at, order_id=self.order_id, masked_number=number)]

    def forgotten(self) -> None:
        """The bank has deleted the card."""
        self.state, self.forget_at = CardState.FORGOTTEN, None

    def not_forgotten(self, at: datetime) -> None:
        """The bank did not delete it: retry with exponential backoff, from a minute to an hour."""
        waited = at - (self.forgotten_at or at)
        self.forget_at = at + min(max(waited, FIRST_RETRY), LONGEST_RETRY)

    def follows_removal_of(self, removed: Card, now: datetime) -> bool:
        """Whether removing the default card repeats the removal of `removed`, so that this card must stay.

        That is so where it became the default by that removal, less than an hour ago.
        """
        at = removed.forgotten_at
        recent = removed.removed_as_default and at is not None and now - at < REPEATED_WITHIN
        return recent and (self.chosen_at is None or at is None or self.chosen_at < at)


def one_of_each(cards: Sequence[Card]) -> list[Card]:
    """Each physical card once: of its mandates the default one, else an automatic one, else the first."""
    shown: list[Card] = []
    for card in sorted(cards, key=lambda one: (not one.is_default, one.kind is not SaveCard.AUTOMATIC)):
        if not any(card.is_same_plastic(one) for one in shown):
            shown.append(card)
    return shown


def obstacle(card: Card | None, price: Money, now: datetime) -> str | None:
    """Why `price` cannot be charged to a tenant's default card without the customer; None when it can."""
    if card is None:
        return "there is no saved card"
    if card.is_expired(now):
        return "the saved card has expired"
    if card.kind is not SaveCard.AUTOMATIC:
        return "the saved card needs the customer to be present"
    if card.mandate != price:
        return f"the saved card may be charged {card.mandate}, and the price is {price}"
    return None
