"""Saved cards."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.entrypoints.http.calls import Call, Route, whole_number
from echodesk_billing.entrypoints.http.common import Done, Id, Nothing
from echodesk_billing.entrypoints.http.messages import say
from echodesk_billing.ports.access import Scope

SAVED_CARD = "/api/payments/saved-card/"


class CardChoice(Struct, frozen=True, kw_only=True):
    """Which saved card."""

    card_id: Id


class MaybeCard(Struct, frozen=True, kw_only=True):
    """Which saved card; in the body or the query."""

    card_id: Id | None = None


class AddCard(Struct, frozen=True, kw_only=True):
    """Whether the card becomes the default."""

    make_default: bool = False


class SavedCard(Struct, frozen=True, kw_only=True):
    """A card that the bank saved for the tenant."""

    id: int
    card_type: str
    masked_card_number: str
    card_expiry: str
    saved_at: datetime
    is_active: bool
    is_default: bool
    card_save_type: str

    @classmethod
    def of(cls, card: Card) -> SavedCard:
        """From a saved card."""
        return cls(
            id=card.id,
            card_type=card.brand,
            masked_card_number=card.masked_number,
            card_expiry=card.expiry,
            saved_at=card.saved_at,
            is_active=card.state is CardState.ACTIVE,
            is_default=card.is_default,
            card_save_type=card.kind,
        )


class CardAdding(Struct, frozen=True, kw_only=True):
    """The page where the customer enters the card."""

    payment_url: str
    order_id: str


async def listed(call: Call[Nothing]) -> list[SavedCard]:
    """`GET /api/payments/saved-card/`."""
    return [SavedCard.of(card) for card in await call.uses.cards.listed(call.who)]


async def remove(call: Call[MaybeCard]) -> Done:
    """`DELETE /api/payments/saved-card/` and `/api/payments/saved-card/remove/`."""
    card_id = call.body.card_id
    if card_id is None:
        card_id = whole_number(call.request.query.get("card_id", ""), "card_id")
    card = await call.uses.cards.forget(call.who, card_id)
    return Done(message=say(call.language, "card_removed", card=card.masked_number))


async def remove_default(call: Call[Nothing]) -> Done:
    """`DELETE /api/payments/saved-card/delete/`."""
    card = await call.uses.cards.forget(call.who)
    return Done(message=say(call.language, "card_removed", card=card.masked_number))


async def set_default(call: Call[CardChoice]) -> Done:
    """`POST /api/payments/saved-card/set-default/`."""
    card = await call.uses.cards.set_default(call.who, call.body.card_id)
    return Done(message=say(call.language, "card_default", card=card.masked_number))


async def add(call: Call[AddCard]) -> CardAdding:
    """`POST /api/payments/saved-card/add/`."""
    order = await call.uses.cards.add(call.who, make_default=call.body.make_default, key=call.key)
    return CardAdding(payment_url=order.payment_url or "", order_id=order.id)


ROUTES = (
    Route(
        method="GET",
        path=SAVED_CARD,
        handler=listed,
        summary="Saved cards, the default first",
        gives=list[SavedCard],
        scope=Scope.READ,
    ),
    *(
        Route(
            method="DELETE",
            path=path,
            handler=remove,
            summary="Remove a saved card, here and at the bank",
            takes=MaybeCard,
            gives=Done,
            scope=Scope.WRITE,
        )
        for path in (SAVED_CARD, SAVED_CARD + "remove/")
    ),
    Route(
        method="DELETE",
        path=SAVED_CARD + "delete/",
        handler=remove_default,
        summary="Remove the default card",
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=SAVED_CARD + "set-default/",
        handler=set_default,
        summary="Choose the card that is charged",
        takes=CardChoice,
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=SAVED_CARD + "add/",
        handler=add,
        summary="Save a card with a small payment that is refunded",
        takes=AddCard,
        gives=CardAdding,
        scope=Scope.WRITE,
    ),
)
