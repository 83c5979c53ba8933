"""Pay links: what a debt comes to, and the bank's page for it, made when the customer asks.

Source: docs/portal.md.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.errors import LinkInvalid
from echodesk_billing.application.links import PAY, Links, debt_of
from echodesk_billing.application.payment_requests import Terms, page_language
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.return_pages import Returning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

_S = SubscriptionState
PAYABLE = (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.SUSPENDED)


@frozen(kw_only=True)
class Debt:
    """What a pay link shows.

    Args:
        customer: None before its first payment.
        plan: of the period to be paid, with its price.
        state: of the subscription.
    """

    tenant_id: str
    customer: Customer | None
    plan: Plan
    state: SubscriptionState


class PayLinks:
    """Shows what a link is for, and pays it, for as long as it is owed."""

    def __init__(self, storage: Storage, clock: Clock, links: Links, checkout: Checkout) -> None:
        self._storage = storage
        self._clock = clock
        self._links = links
        self._checkout = checkout

    async def show(self, token: str) -> Debt:
        """What a link is for.

        Raises:
            LinkInvalid: it was not made here, or its debt is paid.
        """
        tenant_id, debt = self._links.read(PAY, token, 2)
        now = await self._clock.now()
        return await self._storage.read(lambda uow: _debt(uow, tenant_id, debt, now))

    async def pay(self, token: str) -> Order:
        """The bank's page for a link's debt; opening it again a moment later leads to the same page.

        Raises:
            LinkInvalid: it was not made here, or its debt is paid.
            GatewayError: the bank did not return a payment page.
        """
        debt = await self.show(token)
        language = page_language(debt.customer.profile.language if debt.customer else "ka")
        who = Principal(
            tenant_id=debt.tenant_id,
            tenant_name=debt.tenant_id,
            user_id="pay link",
            scopes=frozenset({Scope.WRITE}),
        )
        terms = Terms(returning=Returning.PORTAL, language=language)
        if debt.state is _S.SUSPENDED:
            return await self._checkout.reactivate(who, terms=terms)
        return await self._checkout.pay_now(who, terms=terms)


def _debt(uow: UnitOfWork, tenant_id: str, debt: str, now: datetime) -> Debt:
    subscription: Subscription | None = uow.subscriptions.get(tenant_id)
    if subscription is None or subscription.state not in PAYABLE or debt_of(subscription) != debt:
        raise LinkInvalid
    if subscription.state is not _S.SUSPENDED and subscription.upcoming is None:
        raise LinkInvalid
    plan = subscription.plan_of(subscription.first_unpaid(now))
    return Debt(tenant_id=tenant_id, customer=uow.customers.get(tenant_id), plan=plan, state=subscription.state)
