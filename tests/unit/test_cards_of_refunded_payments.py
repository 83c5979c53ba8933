"""No card is kept, here or at the bank, from a payment that is refunded; and no card that could only hold money."""

from __future__ import annotations

import pytest

from echodesk_billing import Applicant, CardSaved, InvalidSelection
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import CardState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, SaveCard
from echodesk_billing.domain.orders.report import ReportedCard
from echodesk_billing.ports.access import Scope
from tests.builders import principal
from tests.unit.conftest import World

ACME = principal("acme")
OPERATOR = principal("us", Scope.OPERATOR)
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)


async def pay(world: World, order: Order, number: str = "400000***0001") -> None:
    world.bank.pay(order, number)
    await world.hear(order)


async def reconcile(world: World) -> None:
    async for _ in world.reconcile.run():
        pass


async def test_the_card_of_a_second_payment_for_one_period_is_deleted(world: World) -> None:
    first = await world.buy(terms=AUTOMATIC)
    second = await world.buy(terms=AUTOMATIC, distinct=True)
    await pay(world, first)
    saved = [event for event in await world.events() if isinstance(event, CardSaved)]
    await pay(world, second)
    assert [card.order_id for card in await world.cards.listed(ACME)] == [first.id]
    assert [event for event in await world.events() if isinstance(event, CardSaved)] == saved
    await reconcile(world)
    assert world.bank.forgotten == {"bank-2"}


async def test_who_registers_a_name_second_leaves_no_card_with_the_first(world: World) -> None:
    orders = []
    for who in ("nino", "other"):
        applicant = Applicant(schema_name="acme", name="Acme", admin_email=f"{who}@acme.example")
        orders.append(await world.register.register(applicant, Selection(package_id=2)))
        world.clock.advance(hours=2)
    for order in orders:
        await pay(world, order)
    assert [card.order_id for card in await world.cards.listed(ACME)] == [orders[0].id]
    await reconcile(world)
    assert world.bank.forgotten == {"bank-2"}


async def test_a_full_refund_removes_the_card(world: World) -> None:
    order = await world.buy_and_pay(terms=AUTOMATIC)
    await world.refunds.refund(OPERATOR, order.id)
    assert len(await world.cards.listed(ACME)) == 1
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert await world.cards.listed(ACME) == []
    assert (await world.charging.charge(ACME)).obstacle == "there is no saved card"


async def test_a_part_refunded_leaves_the_card(world: World) -> None:
    order = await world.buy_and_pay(terms=AUTOMATIC)
    await world.refunds.refund(OPERATOR, order.id, order.amount.amount / 5)
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert len(await world.cards.listed(ACME)) == 1


async def test_an_added_card_stays_although_its_payment_is_refunded(world: World) -> None:
    order = await world.cards.add(ACME)
    await pay(world, order)
    await reconcile(world)
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert len(await world.cards.listed(ACME)) == 1


def test_a_pre_authorisation_cannot_save_a_card_that_is_charged_automatically() -> None:
    with pytest.raises(InvalidSelection, match="would only hold the money"):
        Terms(capture=Capture.MANUAL, save_card=SaveCard.AUTOMATIC)
    assert Terms(capture=Capture.MANUAL).saves_card is SaveCard.NO
    assert Terms(capture=Capture.MANUAL, save_card=SaveCard.RECURRENT).saves_card is SaveCard.RECURRENT
    assert Terms().saves_card is SaveCard.AUTOMATIC


async def test_an_automatic_card_that_a_pre_authorisation_saved_all_the_same_is_deleted(world: World) -> None:
    order = await world.buy(terms=Terms(capture=Capture.MANUAL))
    card = ReportedCard(kind=SaveCard.AUTOMATIC, masked_number="400000***0001", brand="visa", expiry="12/30")
    world.bank.pay(order, card=card)
    await world.hear(order)
    assert await world.cards.listed(ACME) == []
    stored = await world.storage.read(lambda uow: uow.cards.of_order(order.id))
    assert stored is not None
    assert stored.state is CardState.FORGETTING


async def test_repeating_the_removal_of_the_default_card_does_not_remove_the_next_one(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    await pay(world, await world.cards.add(ACME), "510000***0002")
    removed = await world.cards.forget(ACME)
    world.clock.advance(minutes=30)
    assert (await world.cards.forget(ACME)).id == removed.id
    assert len(await world.cards.listed(ACME)) == 1


async def test_the_next_default_card_can_be_removed_once_its_owner_chose_it_or_an_hour_later(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    await pay(world, await world.cards.add(ACME), "510000***0002")
    await world.cards.forget(ACME)
    (left,) = await world.cards.listed(ACME)
    world.clock.advance(minutes=1)
    await world.cards.set_default(ACME, left.id)  # it is the default already, and now it was chosen
    world.clock.advance(hours=1)
    assert (await world.cards.forget(ACME)).id == left.id
    assert await world.cards.listed(ACME) == []
