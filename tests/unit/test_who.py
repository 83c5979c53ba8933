"""Who did it is recorded with everything that somebody asks for."""

from __future__ import annotations

from attrs import evolve

from echodesk_billing import (
    CardForgotten,
    DefaultCardChosen,
    OrderCompleted,
    OrderCreated,
    OrderRefunded,
    SaveCard,
    SubscriptionCancelled,
    SubscriptionChangeDropped,
    SubscriptionChangeScheduled,
    SubscriptionResumed,
    TrialStarted,
)
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.ports.access import Scope
from tests.builders import principal
from tests.unit.conftest import World

NINO = evolve(principal("acme"), user_id="nino")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)


async def by(world: World, *kinds: type) -> list[tuple[str, str]]:
    return [(event.name, event.by) for event in await world.events() if isinstance(event, kinds)]


async def test_a_payment_records_who_started_it_and_not_who_reported_it(world: World) -> None:
    order = await world.checkout.buy(NINO, Selection(package_id=2))
    world.bank.pay(order)
    await world.hear(order)
    assert await by(world, OrderCreated, OrderCompleted) == [("OrderCreated", "nino@acme"), ("OrderCompleted", "")]
    history = (await world.views.timeline(NINO, order.id)).history
    assert [step.by for step in history if step.event in ("create", "complete")] == ["nino@acme", ""]


async def test_a_renewal_is_recorded_as_the_workers(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.advance(days=28)
    order = await world.charge_due()
    assert (await world.views.timeline(NINO, order.id)).history[0].by == "worker@acme"


async def test_changes_of_plan_and_cancellations_record_who_requested_them(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=3)
    await world.change_plan.change(NINO, lambda has: evolve(has, seats=2), When.LATER)
    await world.change_plan.drop_schedule(NINO)
    await world.cancel.cancel(NINO)
    await world.cancel.resume(NINO)
    changes = (SubscriptionChangeScheduled, SubscriptionChangeDropped, SubscriptionCancelled, SubscriptionResumed)
    told = await by(world, *changes)
    assert told == [(kind.__name__, "nino@acme") for kind in changes]


async def test_a_trial_records_who_started_it(world: World) -> None:
    await world.start_trial.start(NINO, Selection(package_id=2))
    assert await by(world, TrialStarted) == [("TrialStarted", "nino@acme")]


async def test_events_of_cards_record_who_chose_and_removed_them(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    order = await world.cards.add(NINO)
    world.bank.pay(order, "510000***0002")
    await world.hear(order)
    _, added = await world.cards.listed(NINO)
    await world.cards.set_default(NINO, added.id)
    await world.cards.set_default(NINO, added.id)  # twice is once
    await world.cards.forget(NINO, added.id)
    assert await by(world, DefaultCardChosen, CardForgotten) == [
        ("DefaultCardChosen", "nino@acme"),
        ("CardForgotten", "nino@acme"),
    ]


async def test_the_event_of_a_refund_records_who_requested_it(world: World) -> None:
    order = await world.buy_and_pay()
    operator = evolve(principal("", Scope.OPERATOR), user_id="giorgi")
    refunded, _ = await world.refunds.refund(operator, order.id)
    world.bank.give_back(refunded)
    await world.hear(refunded)
    assert await by(world, OrderRefunded) == [("OrderRefunded", "giorgi")]


async def test_tokens_record_who_issued_and_revoked_them(world: World) -> None:
    token = await world.tokens.issue(NINO, by="cli:giorgi")
    await world.tokens.revoke(token[:8], by="cli:ana")
    (stored,) = [one for one in await world.tokens.listed() if token.startswith(one.prefix)]
    assert (stored.issued_by, stored.revoked_by) == ("cli:giorgi", "cli:ana")
