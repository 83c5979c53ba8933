"""The daily report: every changed order compared with the bank's receipt and the books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from echodesk_billing.domain.accounting import audit
from echodesk_billing.domain.accounting.audit import Comparison
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.calendar import start_of_day
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankReport
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, find_receipt, require_configured
from echodesk_billing.ports.storage import Storage

BATCH = 100
EARLIEST_DAY = date(2000, 1, 1)
MOST_ENTRIES = 10_000


@frozen(kw_only=True)
class Day:
    """A calendar day in a time zone, as two moments."""

    day: date
    start: datetime
    end: datetime


class Audit:
    """Read-only reports."""

    def __init__(self, storage: Storage, gateway: Gateway, clock: Clock, time_zone: str) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._time_zone = time_zone

    async def day(self, day: date | None = None) -> Day:
        """A day to report on; yesterday where None.

        Raises:
            InvalidSelection: it is in the future, or implausibly old.
        """
        today = (await self._clock.now()).astimezone(ZoneInfo(self._time_zone)).date()
        chosen = day or today - timedelta(days=1)
        if not EARLIEST_DAY <= chosen <= today:
            raise InvalidSelection("day", f"{chosen} cannot be reported on: give a day from {EARLIEST_DAY} to {today}")
        start, end = (start_of_day(one, self._time_zone) for one in (chosen, chosen + timedelta(days=1)))
        return Day(day=chosen, start=start, end=end)

    async def report(self, day: Day) -> AsyncIterator[Comparison]:
        """Compare every order that changed on a day with the bank's current receipt and the books.

        Raises:
            GatewayError: the bank did not return a receipt.
        """
        require_configured(self._gateway)
        after = ""
        while batch := await self._changed(day, after):
            for order, entries in batch:
                yield audit.compare(order, await self._receipt(order), entries)
            after = batch[-1][0].id

    async def _receipt(self, order: Order) -> BankReport | None:
        """The bank's receipt of an order, by our id where the bank's is unknown; None where there is none."""
        if order.request.transfer is not None:
            return None
        return await find_receipt(self._gateway, order.bank_order_id or order.id)

    async def statement(self, tenant_id: str) -> Sequence[Entry]:
        """Every entry of a tenant's account, oldest first."""
        return await self._storage.read(lambda uow: uow.books.of_tenant(tenant_id, MOST_ENTRIES))

    async def _changed(self, day: Day, after: str) -> list[tuple[Order, Sequence[Entry]]]:
        return await self._storage.read(
            lambda uow: [
                (order, uow.books.of_order(order.id))
                for order in uow.orders.changed_between(day.start, day.end, after, BATCH)
            ]
        )
