"""Saved cards: what is kept, what may be charged, what is forgotten."""

from datetime import UTC, datetime

import pytest

from echodesk_billing import (
    CardNotFound,
    GatewayRefused,
    GatewayUnavailable,
    NoActiveSubscription,
    PaymentActionRequired,
    SaveCard,
)
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import Card, CardState, obstacle
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus
from tests.builders import NOW, gel, principal
from tests.unit.conftest import World

AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
RECURRENT = Terms(save_card=SaveCard.RECURRENT)
OTHER_NUMBER = "510000***0002"
ACME = principal("acme")


def a_card(**changes: object) -> Card:
    values: dict[str, object] = {
        "tenant_id": "acme",
        "order_id": "SUB-1",
        "bank_order_id": "bank-1",
        "kind": SaveCard.AUTOMATIC,
        "mandate": gel("145.00"),
        "masked_number": "400000***0001",
        "brand": "visa",
        "expiry": "02/26",
        "saved_at": NOW,
    }
    return Card(**{**values, **changes})  # type: ignore[arg-type]


async def test_saving_the_card_is_enabled_before_the_customer_can_pay(world: World) -> None:
    order = await world.buy(terms=AUTOMATIC)
    assert [kind for kind, _ in world.bank.calls] == ["create", "save card"]
    assert order.saves_card is True
    assert "save_card_accepted" in [step.event for step in (await world.views.timeline(ACME, order.id)).history]
    world.bank.pay(order)
    await world.hear(order)
    (card,) = await world.cards.listed(ACME)
    assert (card.kind, card.mandate, card.is_default) == (SaveCard.AUTOMATIC, gel("145.00"), True)
    assert "CardSaved" in await world.names()


async def test_if_saving_the_card_cannot_be_enabled_the_payment_goes_on(world: World) -> None:
    world.bank.failures_of["save card"] = [GatewayRefused(501, "not activated")]
    order = await world.buy(terms=AUTOMATIC)
    assert (order.saves_card, order.payment_url is not None) == (False, True)
    assert "save_card_in_doubt" in [step.event for step in (await world.views.timeline(ACME, order.id)).history]
    world.bank.pay(order)
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.COMPLETED
    assert await world.cards.listed(ACME) == []


async def test_the_next_periods_are_charged_without_the_customer(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    for period in (1, 2, 3):
        charge = await world.charging.charge(ACME)
        assert (charge.obstacle, charge.order.purpose, charge.order.period) == (None, Purpose.RENEWAL, period)
        assert charge.order.request.is_automatic
        world.bank.pay(charge.order)
        await world.hear(charge.order)
    assert (await world.subscription()).next_period == 4
    assert len(await world.cards.listed(ACME)) == 1


async def test_a_period_is_charged_once_however_often_it_is_asked_for(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    first, second = await world.charging.charge(ACME), await world.charging.charge(ACME)
    assert first.order.id == second.order.id
    assert world.bank.count("create") == 2


async def test_after_a_decline_the_same_period_can_be_charged_again(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    first = await world.charging.charge(ACME)
    world.bank.pay(first.order, status=BankStatus.REJECTED, code="107")
    await world.hear(first.order)
    second = await world.charging.charge(ACME)
    assert (second.order.id != first.order.id, second.order.period) == (True, 1)


async def test_another_price_needs_the_customer_and_makes_the_new_mandate(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    charge = await world.charging.charge(ACME, Selection(package_id=1, seats=4))
    assert charge.obstacle == "the saved card may be charged 145.00 GEL, and the price is 200.00 GEL"
    assert (charge.order.purpose, charge.order.payment_url is not None) == (Purpose.MANUAL, True)
    again = await world.charging.charge(ACME, Selection(package_id=1, seats=4))
    assert again.order.id == charge.order.id
    asked = [event for event in await world.events() if isinstance(event, PaymentActionRequired)]
    assert [event.payment_url for event in asked] == [charge.order.payment_url]
    world.bank.pay(charge.order)
    await world.hear(charge.order)
    subscription = await world.subscription()
    assert (subscription.plan_of(0).price, subscription.plan_of(1).price) == (gel("145.00"), gel("200.00"))
    assert subscription.next_period == 2
    assert [card.mandate for card in await world.cards.listed(ACME)] == [gel("200.00")]


async def test_a_removed_card_is_not_charged(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    await world.cards.forget(ACME)
    assert world.bank.forgotten == {"bank-1"}
    assert (await world.charging.charge(ACME)).obstacle == "there is no saved card"
    again = await world.cards.forget(ACME)
    assert (again.state, world.bank.count("forget card")) == (CardState.FORGOTTEN, 1)
    with pytest.raises(CardNotFound):
        await world.cards.forget(principal("globex"))


async def test_a_card_is_removed_at_once_and_deleted_at_the_bank_when_it_answers(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.bank.failures_of["forget card"] = [GatewayUnavailable("down")]
    await world.cards.forget(ACME)
    assert await world.cards.listed(ACME) == []
    assert world.bank.forgotten == set()
    world.clock.advance(minutes=1)
    async for _ in world.reconcile.run():
        pass
    assert world.bank.forgotten == {"bank-1"}
    assert await world.cards.finish_forgetting() == 0


async def test_a_card_unknown_to_the_bank_is_removed_too(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.bank.failures_of["forget card"] = [GatewayRefused(404, "no such card")]
    await world.cards.forget(ACME)
    assert await world.cards.finish_forgetting() == 0


async def test_one_of_several_cards_is_the_default(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    order = await world.cards.add(ACME)
    world.bank.pay(order, OTHER_NUMBER)
    await world.hear(order)
    old, new = await world.cards.listed(ACME)
    assert (old.is_default, new.is_default, new.kind) == (True, False, SaveCard.RECURRENT)
    await world.cards.set_default(ACME, new.id)
    assert [(card.id, card.is_default) for card in await world.cards.listed(ACME)] == [(new.id, True), (old.id, False)]
    await world.cards.forget(ACME, new.id)
    assert [(card.id, card.is_default) for card in await world.cards.listed(ACME)] == [(old.id, True)]
    with pytest.raises(CardNotFound):
        await world.cards.set_default(principal("globex"), old.id)


async def test_adding_a_card_is_refunded_at_once(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    order = await world.cards.add(ACME, make_default=True)
    assert (order.amount, order.plan, order.request.save_card) == (gel("1.00"), None, SaveCard.RECURRENT)
    assert order.request.success_url == "https://acme.echodesk.ge/settings/subscription?card_added=success"
    world.bank.pay(order, OTHER_NUMBER)
    await world.hear(order)
    assert [card.is_default for card in await world.cards.listed(ACME)] == [True, False]
    async for _ in world.reconcile.run():
        pass
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.REFUNDED
    assert (await world.subscription()).next_period == 1


async def test_a_recurrent_card_pays_any_amount_with_the_customer_present(world: World) -> None:
    await world.buy_and_pay(terms=RECURRENT)
    (card,) = await world.cards.listed(ACME)
    order = await world.buy(terms=Terms(card_id=card.id))
    assert (order.request.parent_order_id, order.request.is_automatic) == ("bank-1", False)
    assert order.payment_url is not None
    with pytest.raises(CardNotFound):
        await world.buy("globex", terms=Terms(card_id=card.id))


async def test_there_is_nothing_to_charge_without_an_active_subscription(world: World) -> None:
    with pytest.raises(NoActiveSubscription):
        await world.charging.charge(ACME)
    await world.buy_and_pay(terms=AUTOMATIC)
    await world.cancel.cancel(ACME)
    with pytest.raises(NoActiveSubscription):
        await world.charging.charge(ACME)


@pytest.mark.parametrize(
    ("card", "price", "expected"),
    [
        (a_card(), "145.00", None),
        (None, "145.00", "there is no saved card"),
        (a_card(kind=SaveCard.RECURRENT), "145.00", "the saved card needs the customer to be present"),
        (a_card(), "145.01", "the saved card may be charged 145.00 GEL, and the price is 145.01 GEL"),
        (a_card(expiry="12/25"), "145.00", "the saved card has expired"),
        (a_card(expiry="01/2026"), "145.00", None),
        (a_card(expiry="soon"), "145.00", None),
        (a_card(expiry="13/20"), "145.00", None),
    ],
)
def test_obstacles_of_an_automatic_charge(card: Card | None, price: str, expected: str | None) -> None:
    assert obstacle(card, gel(price), datetime(2026, 1, 31, 23, tzinfo=UTC)) == expected


def test_removing_a_card_is_idempotent() -> None:
    card = a_card()
    assert len(card.forget(NOW)) == 1
    assert card.forget(NOW) == []
    assert card.state is CardState.FORGETTING
