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
        interval: int = 1,
        currency: str = "GEL",
        payload: bytes = b"",
        coupon: str = "",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start the payment that creates a tenant; `TenantRegistered` is emitted once it is paid.

        Args:
            applicant: who registers; the schema name becomes the tenant id.
            payload: what you need to create the tenant; stored encrypted, returned by `registration_payload`.
            coupon: a code to redeem; empty without one.
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.

        Raises:
            NameTaken: the name is used or reserved.
            VaultClosed: there is a payload, and `BILLING_ENCRYPTION_KEYS` is not set.
            GatewayError: the bank returned no payment page.
        """
        selection = Selection(package_id=package_id, features=features, seats=seats, interval=interval)
        order = await self._container.register().register(
            applicant,
            selection,
            currency=choice(Currency, currency, "currency"),
            payload=payload,
            key=idempotency_key,
            coupon=coupon,
        )
        await self._announce()
        return order

    async def registration_payload(self, order_id: str) -> bytes:
        """The payload of a registration; empty once it was erased.

        Raises:
            OrderNotFound: the order does not belong to a registration.
        """
        return await self._container.register().payload(order_id)
