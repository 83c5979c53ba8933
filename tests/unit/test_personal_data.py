"""Erasing a customer: when it is refused, what stays, and that repeating it is safe."""

from __future__ import annotations

import pytest

from echodesk_billing.application.errors import CustomerNotFound
from echodesk_billing.application.personal_data import ManagePersonalData
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.erasure import ERASED_EMAIL
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.errors import ChangeRefused, InvalidSelection
from echodesk_billing.domain.events import CustomerErased, TenantRegistered
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import principal
from tests.unit.conftest import World

OPERATOR = principal("operators")


def personal_data(world: World) -> ManagePersonalData:
    return ManagePersonalData(world.storage, world.clock, world.cards)


async def test_a_running_subscription_is_not_erased(world: World) -> None:
    await world.buy_and_pay()
    with pytest.raises(ChangeRefused, match="active: cancel it at once first"):
        await personal_data(world).erase(OPERATOR, "acme", "they asked")
    customer = await world.customer()
    assert customer is not None
    assert customer.name != "acme"


async def test_an_open_order_is_not_erased(world: World) -> None:
    order = await world.buy()
    with pytest.raises(ChangeRefused, match=f"Order {order.id} is not settled"):
        await personal_data(world).erase(OPERATOR, "acme", "they asked")


async def test_an_order_that_needs_attention_is_not_erased(world: World) -> None:
    order = await world.buy_and_pay()
    await world.cancel.cancel(principal("acme"), immediately=True)

    def mark(uow: UnitOfWork) -> None:
        stored = uow.orders.lock(order.id, "")
        assert stored is not None
        stored.attention = ("somebody has to look",)
        uow.orders.save(stored)

    await world.storage.transact(mark)
    with pytest.raises(ChangeRefused, match="needs attention: resolve it first"):
        await personal_data(world).erase(OPERATOR, "acme", "they asked")


async def test_an_erased_customer_keeps_its_books_and_can_buy_again(world: World) -> None:
    order = await world.buy_and_pay()
    await world.cancel.cancel(principal("acme"), immediately=True)
    before = await world.storage.read(lambda uow: (uow.books.of_tenant("acme", 99), uow.books.invoices_of("acme", 9)))
    erased = await personal_data(world).erase(OPERATOR, "acme", "they asked")
    assert (erased.orders, erased.cards) == (1, 0)
    after = await world.storage.read(lambda uow: (uow.books.of_tenant("acme", 99), uow.books.invoices_of("acme", 9)))
    assert before == after
    stored = await world.order(order.id)
    assert (stored.request.tenant_name, stored.request.buyer_name, stored.request.description) == ("", "", "")
    assert (stored.captured, stored.state) == (order.amount, "completed")
    again = await personal_data(world).erase(OPERATOR, "acme", "they asked")
    assert (again.orders, again.cards, again.rows) == (0, 0, 0)
    events = await world.events()
    assert [one.reason for one in events if isinstance(one, CustomerErased)] == ["they asked"]
    await world.buy_and_pay()
    customer = await world.customer()
    assert customer is not None
    assert customer.name == principal("acme").tenant_name


async def test_a_registered_applicant_is_erased_from_registration_and_event(world: World) -> None:
    applicant = Applicant(schema_name="newbie", name="Newbie LLC", admin_email="nino@newbie.example")
    registered = await world.register.register(applicant, Selection(package_id=1, seats=2), payload=b"secret")
    await world.answer(registered)
    await world.cancel.cancel(principal("newbie"), immediately=True)
    erased = await personal_data(world).erase(OPERATOR, "newbie", "they asked")
    assert erased.registrations == 1
    found = await world.storage.read(lambda uow: uow.registrations.get(registered.id))
    assert found is not None
    assert (found.applicant.admin_email, found.sealed_payload) == (ERASED_EMAIL, None)
    (event,) = [one for one in await world.events() if isinstance(one, TenantRegistered)]
    assert (event.admin_email, event.tenant_name) == (ERASED_EMAIL, "")


async def test_strangers_and_missing_reasons_are_refused(world: World) -> None:
    with pytest.raises(CustomerNotFound):
        await personal_data(world).erase(OPERATOR, "nobody", "they asked")
    with pytest.raises(CustomerNotFound):
        await personal_data(world).export(OPERATOR, "nobody")
    with pytest.raises(InvalidSelection, match="reason"):
        await personal_data(world).erase(OPERATOR, "nobody", "  ")


async def test_somebody_who_only_tried_to_pay_is_erased_too(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, status=BankStatus.REJECTED, code="107")
    await world.hear(order)
    for _ in range(2):
        await personal_data(world).erase(OPERATOR, "acme", "they asked")
    assert (await world.order(order.id)).request.tenant_name == ""
    told = [one for one in await world.events() if isinstance(one, CustomerErased)]
    assert [(one.reason, one.by) for one in told] == [("they asked", OPERATOR.name)]
