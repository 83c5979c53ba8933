"""Customers: their names on orders, and their billing profiles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import structlog
from attrs import evolve

from echodesk_billing.application.errors import CustomerNotFound
from echodesk_billing.domain.customers.customer import BillingProfile, Customer, known_language
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.customers.tenant import default_subdomain, id_of_subdomain
from echodesk_billing.domain.customers.tenant import subdomain as check_subdomain
from echodesk_billing.domain.errors import NameTaken
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

PAGE = 100


class Customers:
    """Shows and changes customers.

    Args:
        reserved: subdomains that are reserved, besides the built-in ones.
    """

    def __init__(self, storage: Storage, clock: Clock, reserved: Collection[str] = ()) -> None:
        self._storage = storage
        self._clock = clock
        self._reserved = reserved

    async def profile(self, who: Principal) -> Customer:
        """The caller's tenant as a customer; before its first payment, what its token says."""
        now = await self._clock.now()
        return await self._storage.read(lambda uow: uow.customers.get(who.tenant_id) or _new(uow, who, now))

    async def change_profile(self, who: Principal, changes: dict[str, Any]) -> Customer:
        """Change fields of the billing profile of the caller's tenant.

        Args:
            changes: fields of `BillingProfile`; the others stay as they are.

        Raises:
            InvalidSelection: a value is not valid; it names the field.
        """
        return await self._change(who, who.tenant_id, changes, is_own=True)

    async def set(
        self, by: Principal, tenant_id: str, changes: dict[str, Any], *, name: str = "", subdomain: str = ""
    ) -> Customer:
        """Change names and billing profile of any customer, as an operator.

        Raises:
            CustomerNotFound: the tenant has never paid.
            InvalidTenant: the subdomain is not valid.
            NameTaken: another customer has it.
            InvalidSelection: a value is not valid; it names the field.
        """
        if subdomain:
            check_subdomain(subdomain, self._reserved)
        return await self._change(by, tenant_id, changes, name=name, subdomain=subdomain)

    async def _change(
        self,
        by: Principal,
        tenant_id: str,
        changes: dict[str, Any],
        *,
        name: str = "",
        subdomain: str = "",
        is_own: bool = False,
    ) -> Customer:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Customer:
            customer = uow.customers.lock(tenant_id)
            if customer is None and not is_own:
                raise CustomerNotFound
            if customer is None:
                uow.customers.add(_new(uow, by, now))
                customer = uow.customers.lock(tenant_id)
            if customer is None:
                raise NameTaken(tenant_id)  # its subdomain went to somebody else a moment ago
            other = holder_of(uow, subdomain) if subdomain else None
            if other is not None and other.tenant_id != tenant_id:
                raise NameTaken(subdomain)
            is_renamed = customer.rename(name, subdomain)
            events = customer.change_profile(changes, now)
            if events or is_renamed:
                uow.customers.save(customer)
                uow.outbox.add(events, by.name)
            return customer

        customer = await self._storage.transact(work)
        log.info("customer.changed", tenant_id=tenant_id, fields=sorted(changes), by=by.name)
        return customer

    async def show(self, tenant_id: str) -> Customer:
        """One customer.

        Raises:
            CustomerNotFound: the tenant has never paid.
        """
        customer = await self._storage.read(lambda uow: uow.customers.get(tenant_id))
        if customer is None:
            raise CustomerNotFound
        return customer

    async def listed(self, after: str = "", limit: int = PAGE) -> Sequence[Customer]:
        """A page of customers by id.

        Args:
            after: the last id of the page before.
        """
        return await self._storage.read(lambda uow: uow.customers.listed(after, limit))


def with_names(uow: UnitOfWork, who: Principal) -> Principal:
    """The buyer with the names on the payment page and in return addresses: the caller's, else the customer's.

    Names that the caller gives are kept, where it is a customer.
    """
    customer = uow.customers.get(who.tenant_id)
    if customer is None:
        subdomain = who.subdomain or default_subdomain(who.tenant_id)
        return evolve(who, tenant_name=who.own_name or who.tenant_id, subdomain=subdomain)
    is_new = who.subdomain not in ("", customer.host_label)
    subdomain = _own_subdomain(uow, who.tenant_id, who.subdomain) if is_new else ""
    if customer.rename(who.own_name, subdomain):
        uow.customers.save(customer)
    return evolve(who, tenant_name=customer.name, subdomain=who.subdomain or customer.host_label)


def customer_of(uow: UnitOfWork, order: Order, at: datetime, applicant: Applicant | None = None) -> Customer:
    """The customer that paid an order; its first payment creates it.

    Args:
        applicant: who registered, where the order paid for a registration.
    """
    known = uow.customers.get(order.tenant_id)
    if known is not None:
        return known
    customer = Customer(
        tenant_id=order.tenant_id,
        subdomain=_own_subdomain(uow, order.tenant_id, applicant.host_label if applicant else order.request.subdomain),
        name=order.request.tenant_name or order.tenant_id,
        profile=BillingProfile(
            language=applicant.language if applicant else order.request.tenant_language or order.request.language,
            emails=(applicant.admin_email,) if applicant else (),
        ),
        created_at=at,
    )
    uow.customers.add(customer)
    return customer


def _new(uow: UnitOfWork, who: Principal, at: datetime) -> Customer:
    return Customer(
        tenant_id=who.tenant_id,
        subdomain=_own_subdomain(uow, who.tenant_id, who.subdomain),
        name=who.own_name or who.tenant_id,
        profile=BillingProfile(language=known_language(who.language) or "ka"),
        created_at=at,
    )


def holder_of(uow: UnitOfWork, subdomain: str) -> Customer | None:
    """The customer whose pages are at a subdomain, told or following from its id."""
    if (told := uow.customers.of_subdomain(subdomain)) is not None:
        return told
    for tenant_id in dict.fromkeys((subdomain, id_of_subdomain(subdomain))):
        found = uow.customers.get(tenant_id)
        if found is not None and found.host_label == subdomain:
            return found
    return None


def _own_subdomain(uow: UnitOfWork, tenant_id: str, wanted: str) -> str:
    """The subdomain to be stored: none where it follows from the id, or another customer has it."""
    if wanted in ("", default_subdomain(tenant_id)):
        return ""
    holder = holder_of(uow, wanted)
    return wanted if holder is None or holder.tenant_id == tenant_id else ""
