"""Registration of tenants."""

from __future__ import annotations

from collections.abc import Sequence

from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.face.base import Face, checks_arguments, choice


@checks_arguments
class Registrations(Face):
    """Registration of tenants."""

    async def register(
        self,
        applicant: Applicant,
        *,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        payload: bytes = b"",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start the payment that brings a tenant to life; `TenantRegistered` tells when it has.

        Args:
            applicant: who registers; the schema's name becomes the tenant's id.
            payload: what you need to create the tenant; kept encrypted, given back by `registration_payload`.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.

        Raises:
            NameTaken: the name is used or reserved.
            VaultClosed: there is a payload, and `BILLING_ENCRYPTION_KEYS` is not set.
            GatewayError: the bank gave no payment page.
        """
        selection = Selection(package_id=package_id, features=features, seats=seats)
        order = await self._container.register().register(
            applicant, selection, currency=choice(Currency, currency, "currency"), payload=payload, key=idempotency_key
        )
        await self._announce()
        return order

    async def registration_payload(self, order_id: str) -> bytes:
        """The payload of a registration; empty once it was erased.

        Raises:
            OrderNotFound: the order is of no registration.
        """
        return await self._container.register().payload(order_id)
