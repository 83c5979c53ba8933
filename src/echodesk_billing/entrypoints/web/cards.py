"""Saved cards, under the paths that the deployed frontend calls."""

from __future__ import annotations

from echodesk_billing.entrypoints.web.calls import Call, whole_number
from echodesk_billing.entrypoints.web.schemas import (
    AddCard,
    CardAdding,
    CardChoice,
    Done,
    MaybeCard,
    Nothing,
    SavedCard,
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
    return Done(message=f"The card {card.masked_number} was removed.")


async def remove_default(call: Call[Nothing]) -> Done:
    """`DELETE /api/payments/saved-card/delete/`."""
    card = await call.uses.cards.forget(call.who)
    return Done(message=f"The card {card.masked_number} was removed.")


async def set_default(call: Call[CardChoice]) -> Done:
    """`POST /api/payments/saved-card/set-default/`."""
    card = await call.uses.cards.set_default(call.who, call.body.card_id)
    return Done(message=f"The card {card.masked_number} is the default now.")


async def add(call: Call[AddCard]) -> CardAdding:
    """`POST /api/payments/saved-card/add/`."""
    order = await call.uses.cards.add(call.who, make_default=call.body.make_default, key=call.key)
    return CardAdding(payment_url=order.payment_url or "", order_id=order.id)
