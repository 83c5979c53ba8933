"""Saved cards."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.entrypoints.http.calls import Call, Query, Route, whole_number
from echodesk_billing.entrypoints.http.common import Done, Id, Nothing
from echodesk_billing.entrypoints.http.messages import say
from echodesk_billing.ports.access import Scope

_BRANDS = {"mc": "mastercard", "master card": "mastercard", "american express": "amex"}
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
    """A physical card that the bank saved for the tenant, with its strongest mandate.

    `card_save_type` is `subscription` for a card that is charged automatically, `ecommerce` for one that the customer
    pays with; `kind` says the same in the bank's words.
    """

    id: int
    card_type: str
    masked_card_number: str
    card_expiry: str
    saved_at: datetime
    is_active: bool
    is_default: bool
    card_save_type: Literal["subscription", "ecommerce"]
    kind: Literal["automatic", "recurrent"]

    @classmethod
    def of(cls, card: Card) -> SavedCard:
        """From a saved card."""
        is_automatic = card.kind is SaveCard.AUTOMATIC
        return cls(
            id=card.id,
            card_type=_BRANDS.get(card.brand.lower(), card.brand.lower()),
            masked_card_number=card.masked_number,
            card_expiry=card.expiry,
            saved_at=card.saved_at,
            is_active=card.state is CardState.ACTIVE,
            is_default=card.is_default,
            card_save_type="subscription" if is_automatic else "ecommerce",
            kind="automatic" if is_automatic else "recurrent",
        )


class CardAdding(Struct, frozen=True, kw_only=True):
    """The page where the customer enters the card.

    `card_save_type` is what the card will be good for: `subscription` where the payment pays a period and its card
    is charged for later ones, `ecommerce` where it is kept for payments of a present customer. `message` says so.
    """

    payment_url: str
    order_id: str
    amount: Decimal
    currency: str
    card_save_type: Literal["subscription", "ecommerce"]
    paid_until: datetime | None
    message: str

    @classmethod
    def of(cls, order: Order, time_zone: str, language: str) -> CardAdding:
        """From the order that saves the card."""
        if order.purpose is Purpose.CARD:
            message = say(language, "card_check", amount=order.amount)
        else:
            day = local_date(order.pays_until, time_zone) if order.pays_until else ""
            message = say(language, "card_pays", amount=order.amount, day=day)
        return cls(
            payment_url=order.payment_url or "",
            order_id=order.id,
            amount=order.amount.amount,
            currency=order.amount.currency,
            card_save_type="ecommerce" if order.purpose is Purpose.CARD else "subscription",
            paid_until=order.pays_until,
            message=message,
        )


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
    return await _add(call, automatic=True)


async def add_for_payments(call: Call[AddCard]) -> CardAdding:
    """`POST /api/payments/saved-card/add-ecommerce/`."""
    return await _add(call, automatic=False)


async def _add(call: Call[AddCard], *, automatic: bool) -> CardAdding:
    adds = call.uses.cards
    order = await adds.add(call.who, automatic=automatic, make_default=call.body.make_default, key=call.key)
    running = (await call.uses.views.subscription(call.who)).subscription
    return CardAdding.of(order, running.time_zone if running else call.uses.time_zone, call.language)


ROUTES = (
    Route(
        method="GET",
        path=SAVED_CARD,
        handler=listed,
        operation="listSavedCards",
        summary="Saved cards, the default first",
        gives=list[SavedCard],
        scope=Scope.READ,
    ),
    *(
        Route(
            method="DELETE",
            path=path,
            handler=remove,
            operation=operation,
            summary="Remove a saved card, here and at the bank",
            takes=MaybeCard,
            gives=Done,
            query=(Query(name="card_id", kind=Id, description="where it is not in the body"),),
            scope=Scope.WRITE,
        )
        for path, operation in ((SAVED_CARD, "deleteSavedCard"), (SAVED_CARD + "remove/", "removeSavedCard"))
    ),
    Route(
        method="DELETE",
        path=SAVED_CARD + "delete/",
        handler=remove_default,
        operation="removeDefaultCard",
        summary="Remove the default card",
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=SAVED_CARD + "set-default/",
        handler=set_default,
        operation="setDefaultCard",
        summary="Choose the card that is charged",
        takes=CardChoice,
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=SAVED_CARD + "add/",
        handler=add,
        operation="addSavedCard",
        summary="Save a card for renewals, by paying a period that is due, or else for payments of the customer",
        takes=AddCard,
        gives=CardAdding,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=SAVED_CARD + "add-ecommerce/",
        handler=add_for_payments,
        operation="addEcommerceCard",
        summary="Save a card for payments of the customer, with a small payment that is refunded",
        takes=AddCard,
        gives=CardAdding,
        scope=Scope.WRITE,
    ),
)
