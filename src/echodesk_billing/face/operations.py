"""What operators and schedulers do: refunds, holds, renewals, reconciliation, the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.application.renewals import Renewed
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID, Catalogue
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, operator
from echodesk_billing.ports.gateway import require_configured


@checks_arguments
class Operations(Face):
    """What operators and schedulers do: refunds, holds, renewals, reconciliation, the catalogue."""

    async def refund(
        self,
        order_id: str,
        amount: Decimal | None = None,
        *,
        reason: str = "",
        refund_id: str | None = None,
        by: str = LIBRARY,
    ) -> Order:
        """Refund a payment; the money goes later, and the outcome comes by callback.

        Args:
            amount: in the order's currency; all that is left where None.
            refund_id: a UUID of your own for this refund: asking again with it, after whatever happened, is asking
                once. Without it an equal refund that may not have reached the bank is taken up again.
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: it is not paid, or all has gone back.
            AmountTooLarge: not that much is left.
            GatewayError: the bank refused, or the outcome is unknown and found out later.
        """
        order, _ = await self._container.refunds().refund(operator(by), order_id, amount, reason, refund_id=refund_id)
        await self._announce()
        return order

    async def capture(self, order_id: str, amount: Decimal | None = None, *, by: str = LIBRARY) -> Order:
        """Take what a pre-authorisation holds: all, or an amount, and the rest is let go. Twice is once.

        Args:
            amount: in the order's currency; all of it where None.
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: nothing is held.
            AmountTooLarge: more was asked than the order's amount.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().capture(operator(by), order_id, amount)
        await self._announce()
        return order

    async def release(self, order_id: str, *, by: str = LIBRARY) -> Order:
        """Release a pre-authorised payment. Twice is once.

        Args:
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: nothing is held.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().release(operator(by), order_id)
        await self._announce()
        return order

    async def resolve(self, order_id: str, note: str, *, by: str = LIBRARY) -> Order:
        """Say that what an order needed attention for is dealt with. Twice is once.

        Args:
            note: what was found and done.
            by: who says so, for the record.

        Raises:
            OrderNotFound: there is no such order.
            InvalidSelection: there is no note.
        """
        order = await self._container.settlement().resolve(operator(by), order_id, note)
        await self._announce()
        return order

    async def renew(self) -> list[Renewed]:
        """Charge what is due, ask where the card may not be charged, end what has run out: once, now.

        For programs without a worker, which call it from a timer.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        require_configured(self._container.gateway())
        found = [renewed async for renewed in self._container.background_tasks().renew_due()]
        await self._container.background_tasks().clean_up()
        await self._announce()
        return found

    async def due(self, limit: int = 1000) -> Sequence[Renewed]:
        """What `renew` would do; nothing is changed.

        Args:
            limit: how many at most, up to `LARGEST_ID`.
        """
        return await self._container.renew().due(min(max(limit, 0), LARGEST_ID))

    async def reconcile(self, *, older_than: timedelta | None = None) -> list[Reconciled]:
        """Ask the bank about orders in doubt.

        Args:
            older_than: take every unsettled order of at least this age, instead of those that are due.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        found = [reconciled async for reconciled in self._container.reconcile().run(older_than=older_than)]
        await self._announce()
        return found

    async def catalogue(self) -> Catalogue:
        """Show the catalogue."""
        return await self._container.views().catalogue()

    async def load_catalogue(self, catalogue: Catalogue, *, by: str = LIBRARY) -> Catalogue:
        """Put a catalogue on sale; returns the version that is on sale now.

        Args:
            by: who does, for the record.
        """
        return await self._container.load_catalogue().load(catalogue, by=by)
