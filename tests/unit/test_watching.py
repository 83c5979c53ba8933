"""Heartbeats, and the alarm when renewals stand still."""

from __future__ import annotations

from datetime import timedelta

from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.events import BillingRecovered, BillingStalled
from echodesk_billing.domain.notifications.heartbeat import Chore
from tests.unit.conftest import World


async def due(world: World) -> None:
    """A subscription whose renewal has just become due."""
    await world.buy_and_pay(terms=Terms())
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    world.clock.moment = subscription.paid_until
    await world.storage.transact(lambda uow: uow.subscriptions.save(uow.subscriptions.lock("acme")))


async def alarms(world: World) -> list[str]:
    return [type(one).__name__ for one in await world.events() if isinstance(one, BillingStalled | BillingRecovered)]


async def test_a_renewal_that_is_due_for_longer_than_the_limit_is_an_alarm_once_a_day(world: World) -> None:
    await due(world)
    subscription = await world.subscription()
    assert subscription.due_at is not None
    world.clock.moment = subscription.due_at + timedelta(hours=2)
    assert await world.watch.run() is False
    assert await world.watch.stalled() is None
    world.clock.advance(seconds=1)
    assert await world.watch.run() is True
    assert await world.watch.run() is True
    assert await alarms(world) == ["BillingStalled"]
    assert "run echodesk-billing work" in (await world.watch.stalled() or "")
    assert "billing_stalled" in await world.notify()
    world.clock.advance(hours=24)
    await world.watch.run()
    assert await alarms(world) == ["BillingStalled", "BillingStalled"]


async def test_the_alarm_ends_by_itself_once_renewals_are_processed(world: World) -> None:
    await due(world)
    world.clock.advance(hours=3)
    await world.watch.run()
    await world.renewals()
    assert await world.watch.run() is True
    assert await world.watch.run() is False
    assert await alarms(world) == ["BillingStalled", "BillingRecovered"]
    assert await world.watch.stalled() is None
    assert [kind for kind in await world.notify() if kind.startswith("billing")] == [
        "billing_stalled",
        "billing_recovered",
    ]


async def test_a_renewal_that_is_claimed_again_and_again_and_never_done_is_noticed(world: World) -> None:
    await due(world)
    for _ in range(40):
        await world.renew.claim(10)
        world.clock.advance(minutes=6)
    assert await world.watch.run() is True
    assert await alarms(world) == ["BillingStalled"]


async def test_a_claimed_renewal_is_not_claimed_twice_until_the_claim_ends(world: World) -> None:
    await due(world)
    assert await world.renew.claim(10) == ["acme"]
    assert await world.renew.claim(10) == []
    world.clock.advance(minutes=5)
    assert await world.renew.claim(10) == ["acme"]
    await world.renew.tend("acme")
    assert await world.renew.claim(10) == []


async def test_heartbeats_say_when_each_chore_ran_and_how_far_behind_it_is(world: World) -> None:
    await world.watch.beat(Chore.RENEWALS)
    ran_at = world.clock.moment
    await due(world)
    world.clock.advance(hours=1)
    states = {one.heartbeat.chore: one for one in await world.watch.states()}
    assert set(states) == set(Chore)
    assert states[Chore.RENEWALS].heartbeat.ran_at == ran_at
    assert states[Chore.RENEWALS].behind(world.clock.moment) >= timedelta(hours=1)
    assert states[Chore.MAIL].heartbeat.ran_at is None
    assert states[Chore.DELIVERY].waiting_since is None, "nobody delivers here"


async def test_a_failure_is_noted_beside_the_last_success_and_goes_with_the_next(world: World) -> None:
    await world.watch.beat(Chore.MAIL)
    ran_at = world.clock.moment
    world.clock.advance(minutes=1)
    await world.watch.beat(Chore.MAIL, "OSError: no route")
    (mail,) = [one.heartbeat for one in await world.watch.states() if one.heartbeat.chore is Chore.MAIL]
    assert (mail.ran_at, mail.problem) == (ran_at, "OSError: no route")
    world.clock.advance(minutes=1)
    await world.watch.beat(Chore.MAIL)
    (mail,) = [one.heartbeat for one in await world.watch.states() if one.heartbeat.chore is Chore.MAIL]
    assert mail.problem == ""


async def test_a_chore_that_runs_all_the_time_is_written_every_few_seconds(world: World) -> None:
    await world.watch.beat(Chore.RENEWALS)
    first = world.clock.moment
    world.clock.advance(seconds=10)
    await world.watch.beat(Chore.RENEWALS)
    (one,) = await world.storage.read(lambda uow: uow.chores.heartbeats())
    assert one.ran_at == first
    world.clock.advance(seconds=10)
    await world.watch.beat(Chore.RENEWALS)
    (one,) = await world.storage.read(lambda uow: uow.chores.heartbeats())
    assert one.ran_at == world.clock.moment
