"""Events reach those who listen; tokens open what they may."""

from datetime import datetime, timedelta

from echodesk_billing import Event, OrderCompleted, OrderCreated
from echodesk_billing.adapters.bog.tokens import TokenSource, _Token
from tests.builders import principal
from tests.fake_bank import FakeClock
from tests.unit.conftest import World


async def paid(world: World, tenant_id: str = "acme") -> None:
    order = await world.buy(tenant_id)
    world.bank.pay(order)
    await world.hear(order)


async def test_handlers_get_events_in_order_and_once(world: World) -> None:
    got: list[Event] = []
    world.handlers.on(Event, got.append)
    await paid(world)
    assert await world.relay.run() == 4
    assert [event.name for event in got] == ["OrderCreated", "OrderCompleted", "SubscriptionActivated", "InvoiceIssued"]
    assert [event.id for event in got] == sorted(event.id for event in got)
    assert await world.relay.run() == 0


async def test_events_wait_without_handlers(world: World) -> None:
    await paid(world)
    assert await world.relay.run() == 0
    got: list[Event] = []
    world.handlers.on(OrderCompleted, got.append)
    await world.relay.run()
    assert len(got) == 1


async def test_a_handler_that_fails_gets_its_event_again_and_holds_back_only_its_tenant(world: World) -> None:
    got: list[tuple[str, str]] = []
    broken = True

    async def handler(event: Event) -> None:
        if broken and event.tenant_id == "acme":
            raise RuntimeError("the CRM is down")
        got.append((event.tenant_id, event.name))

    world.handlers.on(Event, handler)
    await paid(world, "acme")
    await paid(world, "globex")
    await world.relay.run()
    assert {tenant for tenant, _ in got} == {"globex"}

    broken = False
    assert await world.relay.run() == 0
    world.clock.advance(seconds=11)
    await world.relay.run()
    assert [name for tenant, name in got if tenant == "acme"] == [
        "OrderCreated",
        "OrderCompleted",
        "SubscriptionActivated",
        "InvoiceIssued",
    ]


async def test_one_relay_works_at_a_time(world: World) -> None:
    await paid(world)
    now = world.clock.moment
    await world.storage.transact(lambda uow: uow.outbox.claim("another", now, now + timedelta(minutes=1), 10))
    got: list[Event] = []
    world.handlers.on(OrderCreated, got.append)
    assert await world.relay.run() == 0
    world.clock.advance(minutes=2)
    assert await world.relay.run() == 4


async def test_a_token_is_valid_until_it_is_revoked_or_expires(world: World) -> None:
    token = await world.tokens.issue(principal("acme"))
    short = await world.tokens.issue(principal("globex"), lifetime=timedelta(days=1))
    assert await world.tokens.authenticate(token) == principal("acme")
    assert await world.tokens.authenticate(token + "0") is None
    world.clock.advance(days=1)
    assert await world.tokens.authenticate(short) is None
    (stored,) = await world.tokens.listed("acme")
    assert token not in repr(stored)
    assert await world.tokens.revoke(stored.prefix) >= 1
    assert await world.tokens.authenticate(token) is None


async def test_a_token_that_another_call_drops_meanwhile_is_fetched_anew() -> None:
    class Dropping(FakeClock):
        """A clock that is asked elsewhere, so that other calls go on while it is waited for."""

        async def now(self) -> datetime:
            tokens.drop("old")
            return self.moment

    async def fetched() -> _Token:
        return _Token("new", FakeClock().moment + timedelta(hours=1))

    tokens = TokenSource(None, "https://bank.example", "id", "secret", Dropping())  # type: ignore[arg-type] - not called
    tokens._token = _Token("old", FakeClock().moment + timedelta(hours=1))
    tokens._fetch = fetched  # type: ignore[method-assign]
    assert await tokens.get() == "new"
