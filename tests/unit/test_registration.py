"""Tenants come to life when their first order is paid; names are reserved; no payment is dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from cryptography.fernet import Fernet

from echodesk_billing import (
    Applicant,
    InvalidSelection,
    InvalidTenant,
    NameTaken,
    OrderNotFound,
    TenantRegistered,
    VaultClosed,
)
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from tests.builders import gel, principal
from tests.unit.conftest import World

APPLICANT = Applicant(
    schema_name="acme",
    name="Acme LLC",
    admin_email="nino@acme.example",
    admin_first_name="Nino",
    admin_last_name="Beridze",
)
OTHER = evolve(APPLICANT, admin_email="other@acme.example")
SECRET = b'{"password": "s3cr3t"}'


async def register(world: World, applicant: Applicant = APPLICANT, **more: Any) -> Order:
    return await world.register.register(applicant, Selection(package_id=1, seats=2), payload=SECRET, **more)


async def pay(world: World, order: Order) -> Order:
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def born(world: World) -> list[TenantRegistered]:
    return [event for event in await world.events() if isinstance(event, TenantRegistered)]


async def test_a_tenant_is_created_when_its_order_is_paid_and_not_before(world: World) -> None:
    order = await register(world)
    assert (order.purpose, order.amount, order.tenant_id) == (Purpose.REGISTRATION, gel("100.00"), "acme")
    assert order.request.description == "EchoDesk Team - Acme LLC"
    assert await born(world) == []
    await pay(world, order)
    (event,) = await born(world)
    assert (event.tenant_id, event.order_id, event.admin_email) == ("acme", order.id, "nino@acme.example")
    assert (await world.subscription()).state is SubscriptionState.ACTIVE


async def test_incident_14_creating_the_tenant_may_fail_and_is_retried(world: World) -> None:
    """The tenant was created in the callback's request; it failed, and the bank's retry found "already paid"."""
    order = await register(world)
    tries: list[str] = []

    async def create_tenant(event: TenantRegistered) -> None:
        tries.append((await world.register.payload(event.order_id)).decode())
        if len(tries) == 1:
            raise RuntimeError("the schema could not be made")

    world.handlers.on(TenantRegistered, create_tenant)
    await pay(world, order)
    await world.relay.run()
    await world.hear(order)
    world.clock.advance(minutes=1)
    await world.relay.run()
    await world.relay.run()
    assert tries == [SECRET.decode()] * 2
    assert (await world.order(order.id)).is_paid


async def test_a_name_is_reserved_until_it_expires(world: World) -> None:
    await register(world)
    with pytest.raises(NameTaken, match="'acme' is taken"):
        await register(world, OTHER)
    world.clock.advance(minutes=61)
    assert (await register(world, OTHER)).amount == gel("100.00")


async def test_the_same_applicant_may_register_again(world: World) -> None:
    first = await register(world)
    assert (await register(world)).id == first.id
    again = await world.register.register(APPLICANT, Selection(package_id=2))
    assert (again.id != first.id, again.amount) == (True, gel("145.00"))


async def test_a_payment_after_expiry_is_honoured(world: World) -> None:
    order = await register(world)
    world.clock.advance(days=3)
    await pay(world, order)
    assert [event.order_id for event in await born(world)] == [order.id]


async def test_the_second_of_two_payments_for_one_name_is_refunded(world: World) -> None:
    late = await register(world)
    world.clock.advance(hours=2)
    quick = await register(world, OTHER)
    await pay(world, quick)
    order = await pay(world, late)
    assert [event.admin_email for event in await born(world)] == ["other@acme.example"]
    assert [one.amount for one in order.pending_refunds] == [gel("100.00")]


async def test_a_tenant_that_exists_cannot_be_registered(world: World) -> None:
    order = await register(world)
    await pay(world, order)
    for applicant in (APPLICANT, OTHER):
        with pytest.raises(NameTaken):
            await register(world, applicant)
    await world.tokens.issue(principal("globex"))
    with pytest.raises(NameTaken):
        await register(world, evolve(APPLICANT, schema_name="globex"))
    await world.buy_and_pay("initech")
    with pytest.raises(NameTaken):
        await register(world, evolve(APPLICANT, schema_name="initech"))


async def test_a_payment_reported_twice_creates_the_tenant_once(world: World) -> None:
    order = await register(world)
    await pay(world, order)
    await world.hear(order)
    assert len(await born(world)) == 1


async def test_a_payload_is_encrypted_and_erased_after_a_while(world: World) -> None:
    order = await register(world)
    stored = await world.storage.read(lambda uow: uow.registrations.get(order.id))
    assert stored is not None
    assert stored.sealed_payload is not None
    assert b"s3cr3t" not in stored.sealed_payload
    assert await world.register.payload(order.id) == SECRET
    world.clock.advance(days=31)
    assert await world.register.erase_payloads() == 1
    assert await world.register.payload(order.id) == b""
    with pytest.raises(OrderNotFound):
        await world.register.payload("REG-000000000000")


def test_keys_are_rotated_by_putting_the_new_one_first() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = FernetVault([old]).seal(SECRET)
    assert FernetVault([new, old]).open(sealed) == SECRET
    with pytest.raises(VaultClosed, match="append the older key"):
        FernetVault([new]).open(sealed)
    with pytest.raises(VaultClosed, match="BILLING_ENCRYPTION_KEYS"):
        FernetVault([]).seal(SECRET)
    with pytest.raises(VaultClosed, match="BILLING_ENCRYPTION_KEYS"):
        FernetVault([]).open(sealed)


@pytest.mark.parametrize("name", ["", "Acme", "acme!", "-acme", "acme.x", "a" * 64, "аcme", "acme\n"])
def test_a_name_that_cannot_be_a_schema_is_refused(name: str) -> None:
    with pytest.raises(InvalidTenant, match="1 to 63"):
        evolve(APPLICANT, schema_name=name)


@pytest.mark.parametrize("email", ["nobody", "a@b", "a b@c.de", "@c.de", f"{'a' * 200}@c.de"])
def test_an_invalid_url_is_rejected(email: str) -> None:
    with pytest.raises(InvalidSelection, match="not an e-mail"):
        evolve(APPLICANT, admin_email=email)


async def test_without_a_payload_no_key_is_needed(world: World) -> None:
    order = await world.register.register(APPLICANT, Selection(package_id=1))
    assert await world.register.payload(order.id) == b""


async def test_a_registration_that_expired_reserves_nothing(world: World) -> None:
    await register(world)
    (kept,) = await world.storage.read(lambda uow: uow.registrations.of_name("acme"))
    now = world.clock.moment
    assert kept.reserves_against(OTHER, now)
    assert not kept.reserves_against(OTHER, now + timedelta(hours=1))
    assert not kept.reserves_against(evolve(APPLICANT, admin_email="NINO@acme.example"), now)


async def test_a_different_request_within_a_minute_gets_its_own_order(world: World) -> None:
    """Whoever pays a page gets what was said for that page, and nobody else's password."""
    first = await register(world)
    corrected = await world.register.register(APPLICANT, Selection(package_id=1, seats=2), payload=b"corrected")
    renamed = await register(world, evolve(APPLICANT, name="Acme Group"))
    assert len({first.id, corrected.id, renamed.id}) == 3
    await pay(world, corrected)
    assert await world.register.payload(corrected.id) == b"corrected"
    assert await world.register.payload(first.id) == SECRET


async def test_an_equal_request_within_a_minute_is_a_double_click_with_or_without_keys(world: World) -> None:
    ids = {(await register(world)).id, (await register(world, key="a")).id, (await register(world, key="b")).id}
    assert len(ids) == 1


async def test_an_unpaid_registration_leaves_no_trace_on_the_one_that_pays(world: World) -> None:
    stranger = evolve(APPLICANT, name="Buy cheap pills", admin_email="stranger@evil.example")
    await register(world, stranger)
    world.clock.advance(hours=2)
    order = await world.buy_and_pay("acme")
    customer = await world.customer()
    assert customer is not None
    assert (customer.name, customer.host_label, customer.profile.emails) == ("Acme", "acme", ())
    assert order.request.description == "EchoDesk Company - Acme"
    (invoice,) = await world.views.invoices(principal("acme"))
    assert invoice.buyer == "Acme"


async def test_a_paid_registration_names_the_tenant_and_a_new_name_shows_on_what_comes_later(world: World) -> None:
    await pay(world, await register(world))
    customer = await world.customer()
    assert customer is not None
    assert (customer.name, customer.profile.emails) == ("Acme LLC", (APPLICANT.admin_email,))
    renamed = evolve(principal("acme"), tenant_name="Acme Group")
    order = await world.checkout.pay_now(renamed)
    await pay(world, order)
    new, old = await world.views.invoices(renamed)
    assert (old.buyer, new.buyer) == ("Acme LLC", "Acme Group")
    assert order.request.description == "EchoDesk Team - Acme Group"


async def test_a_caller_without_a_name_keeps_the_known_one(world: World) -> None:
    await pay(world, await register(world))
    nameless = evolve(principal("acme"), tenant_name="acme")
    assert (await world.checkout.pay_now(nameless)).request.tenant_name == "Acme LLC"


async def test_a_registration_that_is_paid_after_the_name_was_taken_is_refunded(world: World) -> None:
    order = await register(world)
    await world.tokens.issue(principal("acme"))
    after = await pay(world, order)
    assert (after.is_given_back, await born(world)) == (True, [])
