"""Registration: a tenant is created when its first order is paid."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.application import coupons
from echodesk_billing.application.customers import holder_of
from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.application.order_factory import OrderFactory, log_created
from echodesk_billing.application.order_submission import OrderSubmission, submit_order
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms, page_language
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.registration import Applicant, Registration
from echodesk_billing.domain.customers.tenant import subdomain, tenant_id
from echodesk_billing.domain.errors import NameTaken
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.return_pages import Returning
from echodesk_billing.domain.subscriptions import offers
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork
from echodesk_billing.ports.vault import Vault, VaultClosed

log = structlog.get_logger()

PAYLOAD_KEPT_FOR = timedelta(days=30)


class Register:
    """Reserves a tenant's name and starts its first payment."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        order_factory: OrderFactory,
        submission: OrderSubmission,
        requests: PaymentRequestBuilder,
        vault: Vault,
        reserved_for: timedelta,
        reserved: Collection[str] = (),
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._order_factory = order_factory
        self._submission = submission
        self._requests = requests
        self._vault = vault
        self._reserved_for = reserved_for
        self._reserved = reserved

    async def register(
        self,
        applicant: Applicant,
        selection: Selection,
        *,
        currency: Currency = Currency.GEL,
        payload: bytes = b"",
        key: str | None = None,
        coupon: str = "",
    ) -> Order:
        """Start the payment that creates a tenant.

        Args:
            payload: what the CRM needs to create the tenant; stored encrypted, never read.
            key: the caller's idempotency key.
            coupon: a code to redeem; empty without one.

        Returns:
            The order, with its payment page.

        Raises:
            InvalidTenant: the schema name or the subdomain is reserved.
            NameTaken: the schema name or the subdomain is used, or reserved by another applicant.
            InvalidSelection: it is not in the catalogue, or the coupon cannot be redeemed.
            VaultClosed: there is a payload and no encryption key.
            GatewayError: the bank did not return a payment page.

        Source: docs/registration.md.
        """
        require_configured(self._gateway)
        tenant_id(applicant.schema_name, self._reserved)
        subdomain(applicant.host_label, self._reserved)
        now = await self._clock.now()
        sealed = self._vault.seal(payload) if payload else None
        buyer = _buyer(applicant)

        def work(uow: UnitOfWork) -> tuple[Order, bool]:
            uow.registrations.lock_name(applicant.schema_name)
            if (known := self._order_factory.known(uow, buyer, key, selection)) is not None:
                return known, False
            subscription = uow.subscriptions.get(applicant.schema_name) or self._requests.subscription(buyer)
            _require_free(uow, applicant, subscription, now)
            purchase = offers.purchase(subscription, uow.catalogues.current(), selection, currency, now)
            purchase = coupons.redeemed(uow, coupon, buyer.tenant_id, purchase, now)
            purchase = evolve(purchase, purpose=Purpose.REGISTRATION)
            terms = Terms(language=page_language(applicant.language), returning=Returning.REGISTRATION)
            request = self._requests.request(buyer, purchase.plan, terms)
            request = evolve(request, coupon=purchase.coupon, free_days=purchase.free_days)
            order, is_new = self._order_factory.once(
                uow,
                buyer,
                purchase,
                request,
                now,
                key=key,
                is_same=lambda one: self._repeats(uow, one, applicant, payload),
            )
            coupons.reserve(uow, order, now)
            registration = Registration(
                order_id=order.id,
                applicant=applicant,
                sealed_payload=sealed,
                created_at=now,
                expires_at=now + self._reserved_for,
            )
            uow.registrations.add(registration)
            order.pays_until = offers.pays_until(subscription, purchase, order.created_at)
            return order, is_new

        order, is_new = await self._storage.transact(work)
        log_created(order)
        placed = await submit_order(self._submission, order, is_new=is_new)
        placed.pays_until = order.pays_until
        return placed

    def _repeats(self, uow: UnitOfWork, order: Order, applicant: Applicant, payload: bytes) -> bool:
        """Whether a registration request equals the one that created `order`.

        A different request gets its own order, so that every payment page belongs to exactly one request.
        """
        earlier = uow.registrations.get(order.id)
        if earlier is None or earlier.applicant != applicant:
            return False
        try:
            return payload == (self._vault.open(earlier.sealed_payload) if earlier.sealed_payload else b"")
        except VaultClosed:
            return False

    async def payload(self, order_id: str) -> bytes:
        """The CRM's payload of a registration; empty where there was none, or it was erased.

        Raises:
            OrderNotFound: the order does not belong to a registration.
            VaultClosed: no key decrypts it.
        """
        registration = await self._storage.read(lambda uow: uow.registrations.get(order_id))
        if registration is None:
            raise OrderNotFound
        sealed = registration.sealed_payload
        return self._vault.open(sealed) if sealed else b""

    async def erase_payloads(self) -> int:
        """Erase obsolete payloads; returns how many."""
        now = await self._clock.now()
        return await self._storage.transact(lambda uow: uow.registrations.erase_payloads(now - PAYLOAD_KEPT_FOR))


def _buyer(applicant: Applicant) -> Principal:
    return Principal(
        tenant_id=applicant.schema_name,
        tenant_name=applicant.name,
        user_id="registration",
        scopes=frozenset(),
        full_name=f"{applicant.admin_first_name} {applicant.admin_last_name}".strip(),
        email=applicant.admin_email,
        subdomain=applicant.host_label,
    )


def _require_free(uow: UnitOfWork, applicant: Applicant, subscription: Subscription, now: datetime) -> None:
    """Check that the name is free: a tenant with a token exists, whether it ever paid or not."""
    name = applicant.schema_name
    has_subdomain = holder_of(uow, applicant.host_label) is not None
    reserved = has_subdomain or any(one.reserves_against(applicant, now) for one in uow.registrations.of_name(name))
    if reserved or uow.tokens.listed(name) or subscription.state is not SubscriptionState.INCOMPLETE:
        raise NameTaken(name)
