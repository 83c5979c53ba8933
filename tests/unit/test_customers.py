"""Customers: created by a payment, named by the CRM, with a billing profile that its administrators change."""

from __future__ import annotations

import pytest
from attrs import evolve

from echodesk_billing import (
    Applicant,
    BillingProfile,
    BillingProfileChanged,
    CustomerNotFound,
    InvalidSelection,
    InvalidTenant,
    NameTaken,
    Principal,
    Scope,
)
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.tenant import default_subdomain, subdomain
from echodesk_billing.domain.errors import InvalidArgument
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.return_pages import DEFAULT_PAGES, Returning, ReturnPages
from tests.builders import principal
from tests.unit.conftest import World

ACME = principal("acme")
OPERATOR = Principal(tenant_id="", tenant_name="", user_id="nino", scopes=frozenset({Scope.OPERATOR}))


async def pay(world: World, order: Order) -> Order:
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def test_the_first_payment_creates_the_customer_and_an_unpaid_one_does_not(world: World) -> None:
    order = await world.buy()
    assert await world.customer() is None
    await pay(world, order)
    customer = await world.customer()
    assert customer is not None
    assert (customer.name, customer.host_label, customer.profile) == ("Acme", "acme", BillingProfile(language="ka"))


async def test_a_card_check_creates_no_customer(world: World) -> None:
    await pay(world, await world.cards.add(ACME))
    assert await world.customer() is None


async def test_a_profile_is_changed_field_by_field_and_the_change_is_recorded(world: World) -> None:
    await world.buy_and_pay()
    changed = {"legal_name": "შპს აკმე", "identification_code": "404123456", "emails": ["books@acme.example"]}
    await world.customers.change_profile(ACME, changed)
    await world.customers.change_profile(ACME, {"address": "Rustaveli 1\nTbilisi"})
    customer = await world.customers.profile(ACME)
    assert customer.profile == BillingProfile(
        legal_name="შპს აკმე",
        identification_code="404123456",
        emails=("books@acme.example",),
        address="Rustaveli 1\nTbilisi",
    )
    told = [event for event in await world.events() if isinstance(event, BillingProfileChanged)]
    assert [(event.fields, event.by) for event in told] == [
        (("emails", "identification_code", "legal_name"), ACME.name),
        (("address",), ACME.name),
    ]
    await world.customers.change_profile(ACME, changed)
    assert len([event for event in await world.events() if isinstance(event, BillingProfileChanged)]) == 2


async def test_an_administrator_may_fill_in_the_profile_before_the_first_payment(world: World) -> None:
    before = await world.customers.profile(ACME)
    assert (before.name, before.version) == ("Acme", 0)
    await world.customers.change_profile(ACME, {"legal_name": "Acme LLC"})
    await world.buy_and_pay()
    (invoice,) = await world.views.invoices(ACME)
    assert invoice.buyer == "Acme LLC"


async def test_an_invoice_keeps_its_buyer_and_later_ones_show_the_new_one(world: World) -> None:
    await world.buy_and_pay()
    await world.customers.change_profile(ACME, {"legal_name": "Acme Group"})
    await pay(world, await world.checkout.pay_now(ACME))
    assert [one.buyer for one in await world.views.invoices(ACME)] == ["Acme Group", "Acme"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("legal_name", "a\0"),
        ("legal_name", "a" * 201),
        ("address", "a" * 501),
        ("identification_code", "12"),
        ("identification_code", "404-1234\n56"),
        ("identification_code", "x" * 33),
        ("emails", ["nobody"]),
        ("emails", ["a@b.ge, c@d.ge"]),
        ("emails", [f"{number}@acme.example" for number in range(6)]),
        ("language", "fr"),
    ],
)
async def test_a_wrong_value_names_its_field_and_changes_nothing(world: World, field: str, value: object) -> None:
    await world.buy_and_pay()
    with pytest.raises(InvalidSelection) as caught:
        await world.customers.change_profile(ACME, {"is_vat_payer": True, field: value})
    assert caught.value.field == field
    assert (await world.customers.profile(ACME)).profile.is_vat_payer is False


async def test_the_subdomain_replaces_tenant_in_return_addresses(world: World) -> None:
    told = evolve(principal("acme_ltd"), subdomain="acme-shop")
    order = await world.checkout.buy(told, Selection(package_id=2))
    assert order.request.success_url == "https://acme-shop.echodesk.ge/settings/subscription?payment=success"
    await pay(world, order)
    untold = await world.checkout.pay_now(principal("acme_ltd"))  # as the worker makes it
    assert untold.request.success_url.startswith("https://acme-shop.echodesk.ge/")
    other = await world.checkout.buy(principal("other_ltd"), Selection(package_id=2))
    assert other.request.success_url.startswith("https://other-ltd.echodesk.ge/")


@pytest.mark.parametrize(("told", "language"), [("ru", "ru"), ("", "en"), ("fr", "en")])
async def test_a_new_customer_has_the_language_of_its_tenant_else_of_its_first_payment(
    world: World, told: str, language: str
) -> None:
    who = evolve(principal("acme_ltd"), language=told)
    await pay(world, await world.checkout.buy(who, Selection(package_id=2), terms=Terms(language="en")))
    assert (await world.customers.profile(who)).profile.language == language
    await world.customers.change_profile(who, {"language": "ka"})
    await pay(world, await world.checkout.pay_now(who))
    assert (await world.customers.profile(who)).profile.language == "ka"


async def test_a_profile_that_is_changed_before_the_first_payment_has_the_language_of_the_tenant(world: World) -> None:
    who = evolve(principal("acme_ltd"), language="ru")
    await world.customers.change_profile(who, {"is_vat_payer": True})
    assert (await world.customers.profile(who)).profile.language == "ru"


async def test_a_subdomain_has_one_customer(world: World) -> None:
    await world.buy_and_pay("acme")
    thief = evolve(principal("thief"), subdomain="acme")
    await pay(world, await world.checkout.buy(thief, Selection(package_id=2)))
    customer = await world.customer("thief")
    assert customer is not None
    assert customer.host_label == "thief"
    with pytest.raises(NameTaken, match="acme"):
        await world.customers.set(OPERATOR, "thief", {}, subdomain="acme")
    with pytest.raises(InvalidTenant, match="reserved"):
        await world.customers.set(OPERATOR, "thief", {}, subdomain="www")
    await world.customers.set(OPERATOR, "thief", {}, subdomain="honest", name="Honest LLC")
    changed = await world.customers.show("thief")
    assert (changed.host_label, changed.name) == ("honest", "Honest LLC")
    with pytest.raises(CustomerNotFound):
        await world.customers.set(OPERATOR, "nobody", {}, name="x")
    with pytest.raises(CustomerNotFound):
        await world.customers.show("nobody")


async def test_a_registration_cannot_take_the_subdomain_of_a_customer(world: World) -> None:
    await world.buy_and_pay("acme_ltd")
    applicant = Applicant(schema_name="new", subdomain="acme-ltd", name="X", admin_email="x@x.example")
    with pytest.raises(NameTaken):
        await world.register.register(applicant, Selection(package_id=2))
    for name in ("first", "second"):  # two that are paid: the second gets its money back
        order = await world.register.register(
            evolve(applicant, schema_name=name, subdomain="shop", admin_email=f"{name}@x.example"),
            Selection(package_id=2),
        )
        if name == "first":
            late = order
    await pay(world, order)
    assert (await pay(world, late)).is_given_back
    assert (await world.customer("first"), (await world.customers.show("second")).host_label) == (None, "shop")


async def test_customers_are_listed_page_by_page(world: World) -> None:
    for tenant in ("c", "a", "b"):
        await world.buy_and_pay(tenant)
    assert [one.tenant_id for one in await world.customers.listed(limit=2)] == ["a", "b"]
    assert [one.tenant_id for one in await world.customers.listed(after="b")] == ["c"]


@pytest.mark.parametrize("value", ["", "a_b", "-a", "a-", "A", "a.b", "a" * 64, "www", None, 1])
def test_values_that_are_no_subdomains(value: object) -> None:
    with pytest.raises(InvalidTenant):
        subdomain(value)


def test_a_subdomain_follows_from_the_id() -> None:
    assert [default_subdomain(name) for name in ("acme", "acme_ltd", "acme_")] == ["acme", "acme-ltd", "acme"]


def test_return_pages_are_paths_or_addresses_by_purpose() -> None:
    pages = ReturnPages(
        base="https://{tenant}.crm.example",
        registration_base="https://crm.example",
        pages={"card.success": "/cards", "payment.failed": "https://pay.example/{tenant}/again"},
    )
    assert pages.of(Returning.CARD, "acme") == (
        "https://acme.crm.example/cards",
        "https://acme.crm.example" + DEFAULT_PAGES["card.failed"],
    )
    assert pages.of(Returning.PAYMENT, "acme")[1] == "https://pay.example/acme/again"
    assert pages.of(Returning.REGISTRATION, "acme") == (
        "https://crm.example/registration/success",
        "https://crm.example/registration",
    )
    for wrong in ({"cards.success": "/x"}, {"card.success": "x"}, {"card.success": "//evil"}, {"card.success": ""}):
        with pytest.raises(InvalidArgument):
            ReturnPages(base="https://crm.example", pages=wrong)
