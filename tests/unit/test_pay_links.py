"""Pay links and portal links: for one customer and one purpose, for as long as they are good."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from echodesk_billing.application.errors import LinkInvalid
from echodesk_billing.application.links import PAY, PORTAL, debt_of
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.portal import LINK_LIFETIME, SESSION_LIFETIME
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.events import PaymentActionRequired
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from tests.builders import gel, principal
from tests.unit.conftest import World


def token(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


async def link(world: World, tenant_id: str = "acme") -> str:
    return token(world.links.pay(tenant_id, debt_of(await world.subscription(tenant_id))))


async def past_due(world: World) -> None:
    await world.buy_and_pay(terms=Terms())
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    world.clock.moment = subscription.paid_until
    await world.charge_due("108")
    assert (await world.subscription()).state is SubscriptionState.PAST_DUE


async def test_a_link_shows_what_is_owed_makes_one_page_and_is_over_once_it_is_paid(world: World) -> None:
    await past_due(world)
    mine = await link(world)
    debt = await world.pay_links.show(mine)
    assert (debt.tenant_id, debt.plan.price) == ("acme", gel("145.00"))
    order = await world.pay_links.pay(mine)
    assert (await world.pay_links.pay(mine)).id == order.id
    world.bank.pay(order)
    await world.hear(order)
    for use in (world.pay_links.show, world.pay_links.pay):
        with pytest.raises(LinkInvalid):
            await use(mine)


async def test_a_link_lasts_as_long_as_the_debt_also_after_the_suspension(world: World) -> None:
    await past_due(world)
    mine = await link(world)
    for _ in range(10):
        world.clock.advance(hours=24)
        await world.renewals()
    assert (await world.subscription()).state is SubscriptionState.SUSPENDED
    world.clock.advance(hours=24 * 365)
    order = await world.pay_links.pay(mine)
    world.bank.pay(order)
    await world.hear(order)
    assert (await world.subscription()).state is SubscriptionState.ACTIVE
    with pytest.raises(LinkInvalid):
        await world.pay_links.show(mine)


async def test_a_link_of_a_cancelled_subscription_is_over(world: World) -> None:
    await world.buy_and_pay(terms=Terms())
    mine = await link(world)
    await world.cancel.cancel(principal())
    with pytest.raises(LinkInvalid):
        await world.pay_links.show(mine)


async def test_links_that_were_not_made_here_or_for_something_else_are_invalid(world: World) -> None:
    await past_due(world)
    mine, other = await link(world), World()
    foreign = token(other.links.pay("acme", debt_of(await world.subscription())))
    portal = token(world.links.portal("acme", "x", world.clock.moment))
    for wrong in ("", "x", mine[:-1], mine[:-4] + "AAAA", foreign, portal):
        with pytest.raises(LinkInvalid):
            await world.pay_links.show(wrong)
    for wrong in (mine, foreign, "x"):
        with pytest.raises(LinkInvalid):
            await world.portal.enter(wrong)
    assert world.links.read(PAY, mine, 2)[0] == "acme"
    with pytest.raises(LinkInvalid):
        world.links.read(PORTAL, mine, 2)


async def test_a_customer_who_has_to_act_gets_a_link_of_ours(world: World) -> None:
    parts = (world.storage, world.clock, "Asia/Tbilisi", world.policy, None, world.links)
    world.placement._settlement = Settlement(*parts)
    await past_due(world)
    await world.renewals()
    (asked,) = [event for event in await world.events() if isinstance(event, PaymentActionRequired)]
    assert asked.payment_url.startswith("https://billing.example/pay/")
    debt = await world.pay_links.show(token(asked.payment_url))
    assert debt.plan.price == gel("145.00")


async def test_a_portal_link_opens_a_session_of_one_tenant_for_half_an_hour(world: World) -> None:
    made = await world.portal.link(principal())
    secret, who = await world.portal.enter(token(made.url))
    assert (who.tenant_id, who.tenant_filter) == ("acme", "acme")
    assert await world.portal.session(secret) == who
    assert await world.tokens.authenticate(secret) is None, "it is no token of the API"
    assert await world.tokens.session(secret) is None, "it is no session of the console"
    world.clock.moment += LINK_LIFETIME
    with pytest.raises(LinkInvalid):
        await world.portal.enter(token(made.url))
    world.clock.moment += SESSION_LIFETIME
    assert await world.portal.session(secret) is None


async def test_a_session_that_was_left_is_over_and_no_other_secret_opens_one(world: World) -> None:
    secret, _ = await world.portal.enter(token((await world.portal.link(principal())).url))
    await world.portal.leave(secret)
    assert await world.portal.session(secret) is None
    api = await world.tokens.issue(principal())
    assert await world.portal.session(api) is None


async def test_the_link_of_a_mail_lasts_for_days(world: World) -> None:
    url = world.links.portal("acme", "mail to nino@acme.example", world.clock.moment)
    world.clock.moment += timedelta(days=6)
    _, who = await world.portal.enter(token(url))
    assert who.user_id == "portal: mail to nino@acme.example"
