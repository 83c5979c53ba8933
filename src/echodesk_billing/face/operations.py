"""Operations: refunds, captures, renewals, reconciliation, the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.application.renewals import Renewed
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID, Catalogue
from echodesk_billing.domain.notifications.heartbeat import Chore
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, operator
from echodesk_billing.ports.gateway import require_configured


@checks_arguments
class Operations(Face):
    """Operations: refunds, captures, renewals, reconciliation, the catalogue."""

    async def refund(
        self,
        order_id: str,
        amount: Decimal | None = None,
        *,
        reason: str = "",
        refund_id: str | None = None,
        cancel_subscription: bool = False,
        by: str = LIBRARY,
    ) -> Order:
        """Refund a payment. The bank executes it later; the outcome arrives by callback.

        Args:
            amount: in the order's currency; everything left where None.
            refund_id: your own UUID for this refund. Repeating it, whatever the outcome, refunds
                once. Without it an equal refund that may not have reached the bank is resumed.
            cancel_subscription: end the tenant's subscription too, once the bank has taken the refund on.
            by: who asks, for the record.

        Raises:
            OrderNotFound: it does not exist.
            IllegalTransition: it is not paid, or fully refunded.
            AmountTooLarge: less than that is left.
            GatewayError: the bank refused, or the outcome is unknown and reconciled later.
        """
        order, _ = await self._container.operator_acts().refund(
            operator(by), order_id, amount, reason, refund_id=refund_id, cancel_subscription=cancel_subscription
        )
        await self._announce()
        return order

    async def capture(self, order_id: str, amount: Decimal | None = None, *, by: str = LIBRARY) -> Order:
        """Capture a pre-authorised payment: all, or an amount; the rest is released. Idempotent.

        Args:
            amount: in the order's currency; everything where None.
            by: who asks, for the record.

        Raises:
            OrderNotFound: it does not exist.
            IllegalTransition: no money is held.
            AmountTooLarge: `amount` is more than the order's amount.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().capture(operator(by), order_id, amount)
        await self._announce()
        return order

    async def release(self, order_id: str, *, by: str = LIBRARY) -> Order:
        """Release a pre-authorised payment. Idempotent.

        Args:
            by: who asks, for the record.

        Raises:
            OrderNotFound: it does not exist.
            IllegalTransition: no money is held.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().release(operator(by), order_id)
        await self._announce()
        return order

    async def resolve(self, order_id: str, note: str, *, by: str = LIBRARY) -> Order:
        """Resolve an order that needs attention. Idempotent.

        Args:
            note: what the operator found and did.
            by: who asks, for the record.

        Raises:
            OrderNotFound: it does not exist.
            InvalidSelection: the note is empty.
        """
        order = await self._container.settlement().resolve(operator(by), order_id, note)
        await self._announce()
        return order

    async def retry_charge(self, tenant_id: str, *, reason: str = "", by: str = LIBRARY) -> Order:
        """Charge the saved card for the owed period now, instead of at the next planned try.

        Args:
            reason: for the order's history.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: nothing renews.
            ChangeRefused: nothing is owed, or the card cannot be charged.
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.
        """
        order = await self._container.operator_acts().retry(operator(by), self._reader(tenant_id).tenant_id, reason)
        await self._announce()
        return order

    async def renew(self) -> list[Renewed]:
        """Process due subscriptions once: charge, ask the customer where the card may not be charged, end expired ones.

        For programs without a worker: call it from a scheduler.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        require_configured(self._container.gateway())
        found = [renewed async for renewed in self._container.background_tasks().renew_due()]
        await self._container.background_tasks().clean_up()
        await self._announce()
        return found

    async def due(self, limit: int = 1000) -> Sequence[Renewed]:
        """What `renew` would do; changes nothing.

        Args:
            limit: at most how many, up to `LARGEST_ID`.
        """
        return await self._container.renew().due(min(max(limit, 0), LARGEST_ID))

    async def reconcile(self, *, older_than: timedelta | None = None) -> list[Reconciled]:
        """Reconcile orders with unknown outcomes.

        Args:
            older_than: check every unsettled order of at least this age, instead of those that are due.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        found = [reconciled async for reconciled in self._container.reconcile().run(older_than=older_than)]
        await self._container.watch().beat(Chore.RECONCILIATION)
        await self._announce()
        return found

    async def catalogue(self) -> Catalogue:
        """Show the catalogue."""
        return await self._container.views().catalogue()

    async def load_catalogue(self, catalogue: Catalogue, *, by: str = LIBRARY) -> Catalogue:
        """Publish a catalogue; returns the current version.

        Args:
            by: who asks, for the record.
        """
        return await self._container.load_catalogue().load(catalogue, by=by)
