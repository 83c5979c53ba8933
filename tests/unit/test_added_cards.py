"""A card that is added: it pays a period that is owed or near, or is kept for payments of a present customer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from echodesk_billing import SaveCard
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.calendar import months_after
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from tests.builders import NOW, gel, principal
from tests.unit.conftest import NO_CARD, World

ACME = principal("acme")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
OTHER = "510000***0002"


async def pay(world: World, order: Order, number: str = OTHER) -> Order:
    world.bank.pay(order, number)
    await world.hear(order)
    return await world.order(order.id)


async def test_a_card_that_is_added_while_a_period_is_owed_pays_it_and_is_charged_from_then_on(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.advance(days=28)
    await world.charge_due("107")
    order = await world.cards.add(ACME, automatic=True)
    assert (order.purpose, order.amount, order.period) == (Purpose.MANUAL, gel("145.00"), 1)
    assert order.request.save_card is SaveCard.AUTOMATIC
    assert order.request.success_url.endswith("card_added=success")
    assert order.pays_until == months_after(NOW, 2, "Asia/Tbilisi")
    await pay(world, order)
    default = (await world.cards.listed(ACME))[0]
    assert (default.masked_number, default.is_default, default.mandate) == (OTHER, True, gel("145.00"))
    world.clock.moment = months_after(NOW, 2, "Asia/Tbilisi")
    assert (await world.charge_due()).purpose is Purpose.RENEWAL


@pytest.mark.parametrize(("days", "amount"), [(8, "1.00"), (7, "145.00"), (1, "145.00")])
async def test_without_a_card_the_next_period_is_paid_from_a_week_before(world: World, days: int, amount: str) -> None:
    await world.buy_and_pay(terms=NO_CARD)
    world.clock.moment = months_after(NOW, 1, "Asia/Tbilisi") - timedelta(days=days)
    assert (await world.cards.add(ACME, automatic=True)).amount == gel(amount)


async def test_where_a_saved_card_can_pay_the_next_period_a_further_card_does_not(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.moment = months_after(NOW, 1, "Asia/Tbilisi") - timedelta(days=1)
    order = await world.cards.add(ACME, automatic=True)
    assert (order.purpose, order.amount, order.request.save_card) == (Purpose.CARD, gel("1.00"), SaveCard.RECURRENT)


async def test_a_card_for_payments_of_the_customer_never_pays_a_period(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.advance(days=28)
    await world.charge_due("107")
    assert (await world.cards.add(ACME)).amount == gel("1.00")


async def test_without_a_subscription_a_card_is_only_saved(world: World) -> None:
    assert (await world.cards.add(ACME, automatic=True)).amount == gel("1.00")
    await world.buy_and_pay(terms=AUTOMATIC)
    await world.cancel.cancel(ACME)
    world.clock.advance(days=25)
    assert (await world.cards.add(ACME, automatic=True)).amount == gel("1.00")


async def test_a_card_that_is_added_pays_a_suspended_subscription(world: World) -> None:
    await world.buy_and_pay(terms=NO_CARD)
    world.clock.advance(days=28 + 8)
    await world.renewals()
    order = await world.cards.add(ACME, automatic=True)
    assert order.amount == gel("145.00")
    await pay(world, order)
    assert (await world.subscription()).has_access(world.clock.moment)


async def test_repeating_under_one_key_gives_the_same_order_whatever_happened_meanwhile(world: World) -> None:
    await world.buy_and_pay(terms=NO_CARD)
    world.clock.moment = months_after(NOW, 1, "Asia/Tbilisi") - timedelta(days=1)
    key = "0b7e1c9e-0000-4000-8000-000000000001"
    order = await world.cards.add(ACME, automatic=True, key=key)
    await pay(world, order)
    assert (await world.cards.add(ACME, automatic=True, key=key)).id == order.id


async def test_one_physical_card_is_one_entry_and_is_removed_with_all_its_mandates(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    await pay(world, await world.cards.add(ACME), "400000***0001")  # the same card, saved again
    (card,) = await world.cards.listed(ACME)
    assert (card.kind, card.is_default) == (SaveCard.AUTOMATIC, True)
    await world.cards.forget(ACME, card.id)
    assert await world.cards.listed(ACME) == []
    assert world.bank.forgotten == {"bank-1", "bank-2"}
    await world.cards.forget(ACME, card.id)  # again
    await world.cards.forget(ACME, card.id)


async def test_of_the_mandates_of_one_card_the_automatic_one_is_shown(world: World) -> None:
    await pay(world, await world.cards.add(ACME, make_default=True))
    await world.buy_and_pay(terms=AUTOMATIC)
    await pay(world, await world.cards.add(ACME), "400000***0001")
    shown = {card.masked_number: card.kind for card in await world.cards.listed(ACME)}
    assert shown == {OTHER: SaveCard.RECURRENT, "400000***0001": SaveCard.AUTOMATIC}
